//! One file per command, and the way from the command line to an exit code.

mod bench;
mod chat;
mod doctor;
mod embed;
mod engine;
mod make;
mod models;
mod output;
mod pictures;
mod presets;
mod ps;
mod serve;
mod slug;
mod speech;
mod summary;
mod transcribe;
mod voices;

use crate::cli::{Cli, Command, Global, Make};
use crate::config::{Config, Flags};
use crate::exit::{Failure, Outcome};
use crate::library::Library;
use crate::progress::{Reporter, Style};
use crate::{interrupt, logging};
use indicatif::MultiProgress;
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

/// What every command is given.
pub(crate) struct Context {
    config: Config,
    reporter: Reporter,
    cancel: CancellationToken,
}

impl Context {
    /// The catalogue and the store.
    fn library(&self) -> Outcome<Library> {
        Library::open(&self.config)
    }
}

/// Does what the command line says; prints a failure to standard error.
pub fn run(cli: Cli) -> ExitCode {
    let json = asks_json(&cli.command);
    let mut reporter = Reporter::new(Style::choose(json), MultiProgress::new());
    match prepared(cli, &mut reporter) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            reporter.failure(&failure);
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit.code())
        }
    }
}

fn prepared(cli: Cli, reporter: &mut Reporter) -> Outcome {
    let config = Config::load(&flags(&cli.global, &cli.command)).map_err(Failure::usage)?;
    // The service tells what it does; a command that a person watches only what goes wrong. The
    // workflow engine's own errors are told by the step that failed.
    let usual = match cli.command {
        Command::Serve(_) | Command::Engine => "info,duroxide=error,sqlx=warn,llama-cpp-2=error",
        _ => "warn,duroxide=off,sqlx=error,llama-cpp-2=off,reelsmith_pipelines::engine=error",
    };
    logging::start(&config, usual, reporter.teller().bars())?;
    // Two TLS providers could be linked by dependencies; this names the one that is meant. A second
    // call in one process finds it named already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::io("start the program's threads", &e))?;
    let outcome = runtime.block_on(dispatch(cli.command, config, reporter));
    // What still blocks (a hash, a child being reaped) must not hold up the end of the process.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(command: Command, config: Config, reporter: &mut Reporter) -> Outcome {
    let cancel = match clears_up(&command) {
        true => interrupt::token().map_err(|e| Failure::io("listen for Ctrl-C", &e))?,
        false => CancellationToken::new(),
    };
    let reporter = std::mem::replace(
        reporter,
        Reporter::new(reporter.teller().style(), reporter.teller().bars().clone()),
    );
    let mut context = Context { config, reporter, cancel };
    let outcome = match command {
        Command::Make(Make::Short(args)) => make::short(&mut context, &args).await,
        Command::Make(Make::Podcast(args)) => make::podcast(&mut context, &args).await,
        Command::Make(Make::Image(args)) => pictures::image::run(&mut context, &args).await,
        Command::Make(Make::Hero(args)) => pictures::hero::run(&mut context, &args).await,
        Command::Make(Make::Thumbnail(args)) => pictures::thumbnail::run(&mut context, &args).await,
        Command::Upscale(args) => pictures::upscale::run(&mut context, &args).await,
        Command::Embed(args) => embed::run(&mut context, &args).await,
        Command::Speak(args) => speech::speak(&mut context, &args).await,
        Command::Dialogue(args) => speech::dialogue(&mut context, &args).await,
        Command::Transcribe(args) => transcribe::run(&mut context, &args).await,
        Command::Chat(args) => chat::run(&mut context, &args).await,
        Command::Bench(args) => bench::run(&mut context, &args).await,
        Command::Serve(_) => serve::serve(&mut context).await,
        Command::Engine => engine::run(&context).await,
        Command::Ps(args) => ps::run(&context, &args).await,
        Command::Models(command) => models::run(&mut context, command).await,
        Command::Doctor(args) => doctor::run(&context, args.json).await,
        Command::Presets(command) => presets::list(&context, command),
        Command::Voices(command) => voices::run(&mut context, command).await,
    };
    context.reporter.settle();
    outcome
}

fn flags(global: &Global, command: &Command) -> Flags {
    let listen = match command {
        Command::Serve(args) => args.listen.clone(),
        _ => None,
    };
    Flags {
        config: global.config.clone(),
        data_dir: global.data_dir.clone(),
        models_dir: global.models_dir.clone(),
        offline: global.offline,
        log_format: global.log_format.clone(),
        listen,
    }
}

/// Whether Ctrl-C is for the command to answer. The others only read: the system may end them at once.
fn clears_up(command: &Command) -> bool {
    use crate::cli::{Models, Voices};
    let only_reads =
        matches!(command, Command::Presets(_) | Command::Ps(_) | Command::Voices(Voices::List { .. }))
            || matches!(command, Command::Models(Models::List { .. }));
    !only_reads
}

/// Whether failures are also told as JSON on standard output.
fn asks_json(command: &Command) -> bool {
    use crate::cli::Models;
    match command {
        Command::Make(Make::Short(args)) => args.json,
        Command::Make(Make::Podcast(args)) => args.json,
        Command::Make(Make::Image(args)) => args.json,
        Command::Make(Make::Hero(args)) => args.json,
        Command::Make(Make::Thumbnail(args)) => args.json,
        Command::Upscale(args) => args.json,
        Command::Chat(args) => args.json,
        Command::Bench(args) => args.runs().json,
        Command::Models(Models::Pull { json, .. }) => *json,
        _ => false,
    }
}

/// Prints to standard output. A reader that went away (`| head`) is no failure.
fn print(text: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
