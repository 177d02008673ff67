//! Archives from package registries, through the user's own clients, so that whatever index, mirror,
//! proxy or credentials are configured there hold. Nothing of a package is ever run.

use super::StoreConfig;
use super::error::{StoreError, StoreErrorKind};
use super::fetch::Fault;
use futures::FutureExt;
use futures::future::FusedFuture;
use reelsmith_inference_core::catalogue::{Package, Platform};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// How often the growth of a client's directory is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What is kept of a client's complaints.
const TAIL: usize = 4096;

/// How long a client that has ended may take to finish its complaint.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The Python that wheels are chosen for. It is fixed, and nothing of theirs is run, so that the same
/// archive comes whatever Python the user has.
const PYTHON: &str = "3.11";

/// A kind of registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Registry {
    Npm,
    Pypi,
}

impl Registry {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pypi => "pypi",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Npm => "tgz",
            Self::Pypi => "whl",
        }
    }

    fn missing(self) -> &'static str {
        match self {
            Self::Npm => "npm is not installed (Debian, Ubuntu: `apt install npm`)",
            Self::Pypi => "pip is not installed (Debian, Ubuntu: `apt install python3-pip`)",
        }
    }

    /// The clients to try, each with its first arguments.
    fn clients(self, config: &StoreConfig) -> Vec<Vec<OsString>> {
        let by_name = |line: &[&str]| line.iter().map(OsString::from).collect();
        match (self, &config.npm, &config.pip) {
            (Self::Npm, Some(path), _) | (Self::Pypi, _, Some(path)) => vec![vec![path.into()]],
            (Self::Npm, None, _) => vec![by_name(&["npm"])],
            (Self::Pypi, _, None) => {
                vec![by_name(&["pip3"]), by_name(&["pip"]), by_name(&["python3", "-m", "pip"])]
            }
        }
    }

    /// The arguments that put the archive of `package` into `dir`, and nothing anywhere else: a cache
    /// of the client's own would keep hundreds of megabytes for nobody.
    fn arguments(self, package: &Package, platform: Option<&Platform>, dir: &Path) -> Vec<OsString> {
        let mut line: Vec<OsString> = match self {
            Self::Npm => vec!["pack".into(), package.to_string().into()],
            Self::Pypi => vec!["download".into(), format!("{}=={}", package.name, package.version).into()],
        };
        let mut add = |words: &[&str]| line.extend(words.iter().map(OsString::from));
        match self {
            Self::Npm => {
                add(&["--ignore-scripts", "--loglevel=error", "--no-update-notifier"]);
                // npm's own waits, 10 and then 60 s for each package, are minutes where there is no network.
                add(&["--fetch-retries=3", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]);
                line.extend(["--cache".into(), dir.join("cache").into()]);
                line.extend(["--pack-destination".into(), dir.into()]);
            }
            Self::Pypi => {
                add(&[
                    "--no-deps",
                    "--only-binary=:all:",
                    "--python-version",
                    PYTHON,
                    "--implementation",
                    "cp",
                ]);
                for tag in wheel_platforms(platform) {
                    add(&["--platform", tag]);
                }
                add(&["--no-cache-dir", "--no-input", "--disable-pip-version-check", "--quiet"]);
                line.extend(["--dest".into(), dir.into()]);
            }
        }
        line
    }
}

/// The platform tags of wheels that run on `platform`, the preferred first (PEP 600).
fn wheel_platforms(platform: Option<&Platform>) -> &'static [&'static str] {
    match platform.map(Platform::as_str) {
        Some("linux-x86_64") => &["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64"],
        Some("linux-aarch64") => {
            &["manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64"]
        }
        Some("macos-aarch64") => &["macosx_14_0_arm64", "macosx_11_0_arm64", "macosx_14_0_universal2"],
        Some("macos-x86_64") => &["macosx_14_0_x86_64", "macosx_11_0_x86_64", "macosx_14_0_universal2"],
        // Data is the same in the wheels of every platform; a package may have none for all (pip takes this tag for
        // those before it as well).
        _ => &["any", "manylinux2014_x86_64"],
    }
}

/// Fetches the archive of `package` into `dir`, an empty directory of its own, and answers where it
/// lies. `grown` is told the bytes that the client has written so far. Dropping the future kills it.
pub(super) async fn download(
    config: &StoreConfig,
    registry: Registry,
    package: &Package,
    platform: Option<&Platform>,
    dir: &Path,
    grown: &(dyn Fn(u64) + Sync),
) -> Result<PathBuf, Fault> {
    for client in registry.clients(config) {
        let arguments = registry.arguments(package, platform, dir);
        let Some((status, said)) = run(config, &client, &arguments, dir, grown).await? else { continue };
        if status.success() {
            return archive_in(dir, registry, package);
        }
        // 127 is a shell's, and a version manager's, word for a program that is not there.
        if status.code() == Some(127) || said.contains("No module named pip") {
            continue;
        }
        return Err(refused(registry, package, status, &said, dir));
    }
    Err(Fault::Source(registry.missing().to_owned()))
}

fn archive_in(dir: &Path, registry: Registry, package: &Package) -> Result<PathBuf, Fault> {
    let listing = std::fs::read_dir(dir).map_err(|error| StoreError::io("list", dir, error))?;
    let is_archive = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == registry.suffix());
    let found: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).filter(is_archive).collect();
    match <[PathBuf; 1]>::try_from(found) {
        Ok([path]) => Ok(path),
        Err(found) => Err(Fault::Source(format!(
            "{} left {} archives for {package}, not one",
            registry.name(),
            found.len()
        ))),
    }
}

fn refused(registry: Registry, package: &Package, status: ExitStatus, said: &str, dir: &Path) -> Fault {
    if said.contains("ENOSPC") || said.contains("No space left on device") {
        return Fault::Stop(StoreError::io("write to", dir, io::Error::from(io::ErrorKind::StorageFull)));
    }
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(3)..].join(" / ");
    Fault::Source(format!("{} could not fetch {package} ({status}): {last}", registry.name()))
}

/// Runs a client to its end; `None` if there is no such program.
async fn run(
    config: &StoreConfig,
    client: &[OsString],
    arguments: &[OsString],
    dir: &Path,
    grown: &(dyn Fn(u64) + Sync),
) -> Result<Option<(ExitStatus, String)>, Fault> {
    let mut command = Command::new(&client[0]);
    command.args(&client[1..]).args(arguments);
    // Its own directory, so that no project file in the user's is taken for its configuration, and so
    // that what it writes meanwhile lies on the disk that was found to have room.
    command.current_dir(dir).env("TMPDIR", dir);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("run", Path::new(&client[0]), error).into()),
    };
    let stderr = child.stderr.take();
    let mut said = Vec::new();
    let status = {
        let watching = watch(&mut child, config.client_timeout, dir, grown);
        let listening = listen(stderr, &mut said).fuse();
        tokio::pin!(watching, listening);
        let status = tokio::select! {
            status = &mut watching => status,
            () = &mut listening => watching.await,
        };
        if !listening.is_terminated() {
            // A grandchild that lives on may hold the stream open for ever.
            let _ = tokio::time::timeout(LAST_WORDS, listening).await;
        }
        status?
    };
    match status {
        Some(status) => Ok(Some((status, String::from_utf8_lossy(&said).into_owned()))),
        None => {
            let (name, patience) = (client[0].to_string_lossy(), config.client_timeout.as_secs());
            Err(Fault::Source(format!("{name} received nothing for {patience} s and was stopped")))
        }
    }
}

/// Waits for the child while its directory grows; `None` if it had to be killed.
async fn watch(
    child: &mut Child,
    patience: Duration,
    dir: &Path,
    grown: &(dyn Fn(u64) + Sync),
) -> Result<Option<ExitStatus>, StoreError> {
    let lost = |error: io::Error| {
        StoreError::new(StoreErrorKind::Io, format!("a registry client was lost: {error}"))
    };
    let (mut bytes, mut since) = (0, Instant::now());
    loop {
        tokio::select! {
            status = child.wait() => return status.map(Some).map_err(lost),
            () = tokio::time::sleep(LOOK) => {}
        }
        let place = dir.to_owned();
        // Files vanish while they are counted: what cannot be read counts nothing.
        let now = tokio::task::spawn_blocking(move || super::size_below(&place).unwrap_or(0)).await;
        let now = now.map_err(StoreError::lost)?;
        if now != bytes {
            (bytes, since) = (now, Instant::now());
            grown(bytes);
        } else if since.elapsed() > patience {
            child.kill().await.map_err(lost)?;
            return Ok(None);
        }
    }
}

/// Keeps the end of what `stream` says.
async fn listen(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    let mut piece = [0; TAIL];
    while let Ok(n @ 1..) = stream.read(&mut piece).await {
        kept.extend_from_slice(&piece[..n]);
        kept.drain(..kept.len().saturating_sub(TAIL));
    }
}
