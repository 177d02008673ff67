//! Archives as an attacker would make them.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Cursor;
use tempfile::TempDir;

/// The place of the field that states a member's length when unpacked, in a zip's central directory
/// entry (APPNOTE.TXT 6.3.10, section 4.3.12) and local header (4.3.7).
const CENTRAL_SIZE: usize = 24;
const LOCAL_SIZE: usize = 22;

fn on_disk(bytes: &[u8]) -> (TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("archive");
    std::fs::write(&path, bytes).expect("written");
    (dir, path)
}

/// A tar whose names are taken as they are, however unsafe.
fn tar_of(members: &[(&[u8], tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in members {
        let mut header = tar::Header::new_ustar();
        let field = &mut header.as_old_mut().name;
        let n = name.len().min(field.len());
        field[..n].copy_from_slice(&name[..n]);
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *bytes).expect("a Vec takes all");
    }
    builder.into_inner().expect("a Vec takes all")
}

fn zip_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("begun");
    zip.write_all(bytes).expect("a Vec takes all");
    zip.finish().expect("a Vec takes all").into_inner()
}

fn copy(archive: &Archive, name: &str, limit: u64) -> Result<Vec<u8>, ArchiveFault> {
    let mut out = Vec::new();
    let copied = archive.copy(name, &mut out, limit, &mut |_| true);
    assert!(out.len() as u64 <= limit, "never beyond the limit");
    copied.map(|n| {
        assert_eq!(n, out.len() as u64);
        out
    })
}

fn from_tar(bytes: &[u8], name: &str, limit: u64) -> Result<Vec<u8>, ArchiveFault> {
    let (_dir, path) = on_disk(bytes);
    copy(&Archive::open_tar(&path).expect("opened"), name, limit)
}

fn from_zip(bytes: &[u8], name: &str, limit: u64) -> Result<Vec<u8>, ArchiveFault> {
    let (_dir, path) = on_disk(bytes);
    copy(&Archive::open_zip(&path).expect("opened"), name, limit)
}

#[test]
fn a_member_is_found_by_its_name_below_the_first_directory() {
    use tar::EntryType::{Regular, Symlink};
    let tar = tar_of(&[
        (b"package/a", Regular, b"first"),
        (b"other/dir/b", Regular, b"second"),
        (b"package/link", Symlink, b""),
        (b"c", Regular, b"no directory"),
    ]);
    assert_eq!(from_tar(&tar, "a", 5).expect("there"), b"first");
    assert_eq!(from_tar(&tar, "dir/b", 100).expect("there"), b"second");
    assert!(matches!(from_tar(&tar, "link", 100), Err(ArchiveFault::Broken(_))));
    assert!(matches!(from_tar(&tar, "c", 100), Err(ArchiveFault::NotThere)));
    assert!(matches!(from_tar(&tar, "package/a", 100), Err(ArchiveFault::NotThere)));
    assert!(matches!(from_tar(&tar, "a", 4), Err(ArchiveFault::TooLong)));
    let zip = zip_of("dir/a", b"first");
    assert_eq!(from_zip(&zip, "dir/a", 5).expect("there"), b"first");
    assert!(matches!(from_zip(&zip, "a", 5), Err(ArchiveFault::NotThere)));
    assert!(matches!(from_zip(&zip, "dir/a", 4), Err(ArchiveFault::TooLong)));
}

#[test]
fn an_archive_is_read_after_its_file_is_gone() {
    let (dir, path) = on_disk(&zip_of("a", b"still here"));
    let archive = Archive::open_zip(&path).expect("opened");
    drop(dir);
    assert_eq!(copy(&archive, "a", 100).expect("there"), b"still here");
}

#[test]
fn a_zip_that_lies_about_a_length_is_broken_and_bounded() {
    let honest = vec![0; 1 << 20];
    let central = |zip: &[u8]| zip.windows(4).rposition(|four| four == b"PK\x01\x02").expect("a directory");
    for lie in [0u32, 10, (1 << 20) - 1, (1 << 20) + 1, u32::MAX - 1] {
        let mut zip = zip_of("a", &honest);
        let at = central(&zip) + CENTRAL_SIZE;
        zip[at..at + 4].copy_from_slice(&lie.to_le_bytes());
        zip[LOCAL_SIZE..LOCAL_SIZE + 4].copy_from_slice(&lie.to_le_bytes());
        let told = from_zip(&zip, "a", 1 << 20);
        assert!(matches!(told, Err(ArchiveFault::Broken(_) | ArchiveFault::TooLong)), "{lie}: {told:?}");
    }
}

#[test]
fn a_gzip_bomb_is_stopped() {
    // A member of zeros shrinks by about 1000; many of them in a row are one stream (RFC 1952, 2.2).
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 32 << 20]).expect("a Vec takes all");
    let member = encoder.finish().expect("a Vec takes all");
    let (_dir, path) = on_disk(&member.repeat(8));
    let told = gunzip(&path, &mut io::sink(), &mut |_| true);
    assert!(matches!(&told, Err(ArchiveFault::Broken(how)) if how.contains("times its size")), "{told:?}");
}

#[test]
fn stopping_and_a_full_disk_are_told_apart_from_a_broken_archive() {
    let zip = zip_of("a", &vec![1; 1 << 20]);
    let (_dir, path) = on_disk(&zip);
    let archive = Archive::open_zip(&path).expect("opened");
    let stopped = archive.copy("a", &mut io::sink(), 1 << 20, &mut |_| false);
    assert!(matches!(stopped, Err(ArchiveFault::Stopped)));
    let mut full = File::options().write(true).open("/dev/full").expect("the kernel's full device");
    let told = archive.copy("a", &mut full, 1 << 20, &mut |_| true);
    assert!(matches!(told, Err(ArchiveFault::Write(error)) if error.kind() == io::ErrorKind::StorageFull));
}

proptest! {
    #[test]
    fn names_in_an_archive_lead_nowhere(name in "(\\.\\./|/|package/|\\.\\.\\\\|C:|a){1,8}") {
        let (dir, path) = on_disk(&tar_of(&[(name.as_bytes(), tar::EntryType::Regular, b"x")]));
        let archive = Archive::open_tar(&path).expect("opened");
        let asked = name.split_once('/').map_or(name.as_str(), |(_, below)| below);
        let _ = copy(&archive, asked, 1);
        let _ = from_zip(&zip_of(&name, b"x"), &name, 1);
        prop_assert_eq!(std::fs::read_dir(dir.path()).expect("there").count(), 1, "only the archive itself");
    }

    #[test]
    fn a_cut_archive_never_gives_a_member_that_is_not_whole(at in 0usize..3000, kind in 0..3) {
        let bytes: Vec<u8> = (0..1500u32).map(|n| (n * n) as u8).collect();
        let whole = match kind {
            0 => tar_of(&[(b"package/a", tar::EntryType::Regular, &bytes)]),
            1 => zip_of("a", &bytes),
            _ => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(&bytes).expect("a Vec takes all");
                encoder.finish().expect("a Vec takes all")
            }
        };
        let cut = &whole[..at.min(whole.len())];
        let given = match kind {
            0 => from_tar(cut, "a", 1500),
            1 => from_zip(cut, "a", 1500),
            _ => {
                let (_dir, path) = on_disk(cut);
                let mut out = Vec::new();
                gunzip(&path, &mut out, &mut |_| true).map(|_| out)
            }
        };
        if let Ok(given) = given {
            prop_assert!(given == bytes || (kind == 2 && given.is_empty() && cut.is_empty()));
        }
    }

    #[test]
    fn noise_makes_nothing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = from_tar(&bytes, "a", 100);
        let _ = from_zip(&bytes, "a", 100);
        let (_dir, path) = on_disk(&bytes);
        let _ = gunzip(&path, &mut io::sink(), &mut |_| true);
    }

    #[test]
    fn a_damaged_archive_makes_nothing_panic(at in 0usize..2000, with: u8, kind: bool) {
        let mut bytes = match kind {
            true => tar_of(&[(b"package/a", tar::EntryType::Regular, &[7; 700])]),
            false => zip_of("a", &[7; 700]),
        };
        let at = at.min(bytes.len() - 1);
        bytes[at] = with;
        let _ = if kind { from_tar(&bytes, "a", 700) } else { from_zip(&bytes, "a", 700) };
    }
}
