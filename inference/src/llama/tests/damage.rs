//! Headers damaged by chance, opened by llama.cpp: in a child, since it may end the process.

use super::*;

/// Where the child finds the damaged copy, and how many damages it tries from which one on.
const DAMAGED: &str = "REELSMITH_DAMAGED";

/// A change of some bytes, by its number: of the numbers at the head, or of the tensors' places at its end.
fn damage(n: u64, header: &[u8]) -> Vec<(usize, u8)> {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};
    let mut draws = ChaCha8Rng::seed_from_u64(n);
    let tensors = header.len() - 18_000;
    (0..1 + draws.next_u32() % 3)
        .map(|_| {
            let at = match draws.next_u32() % 2 {
                0 => 8 + draws.next_u32() as usize % 1_400,
                _ => tensors + draws.next_u32() as usize % 18_000,
            };
            let byte = match draws.next_u32() % 3 {
                0 => draws.next_u32() as u8,
                1 => header[at] ^ (1 << (draws.next_u32() % 8)),
                _ => [0, 1, 0x7f, 0xff][draws.next_u32() as usize % 4],
            };
            (at, byte)
        })
        .collect()
}

#[test]
#[ignore = "the child of the next test"]
fn damaged_copies_are_opened() {
    use std::io::{Seek, SeekFrom, Write};
    let asked = std::env::var_os(DAMAGED).expect("the parent says what to open");
    let asked = asked.into_string().expect("text");
    let mut words = asked.split(' ');
    let path = Path::new(words.next().expect("a path"));
    let numbers: Vec<u64> = words.map(|n| n.parse().expect("a number")).collect();
    let length = std::fs::metadata(path).unwrap().len();
    let header = std::fs::read(path).unwrap()[..header_length(path)].to_vec();
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let mut put = |at: usize, byte: u8| {
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&[byte]).unwrap();
    };
    let mut opened = 0;
    for n in numbers[0]..numbers[1] {
        println!("damage {n}");
        let changes = damage(n, &header);
        changes.iter().for_each(|(at, byte)| put(*at, *byte));
        if let Ok(mut model) =
            Llama::open(path, "damaged", LlamaConfig { context: 256, ..LlamaConfig::new(1) })
        {
            opened += 1;
            let _ = model.chat(&greedy("Hello, world! 123", 2), &NoControl);
        }
        changes.iter().for_each(|(at, _)| put(*at, header[*at]));
        assert_eq!(std::fs::metadata(path).unwrap().len(), length);
    }
    println!("opened {opened}");
}

/// Bytes before the tensors.
fn header_length(path: &Path) -> usize {
    let (header, _) = gguf::read(path).expect("it is whole");
    let length = std::fs::metadata(path).unwrap().len();
    // Tensors end where the file does, each at a multiple of 32 bytes.
    let data: u64 = header.tensors.iter().map(|tensor| tensor.bytes.next_multiple_of(32)).sum();
    (length - data.min(length)) as usize
}

#[test]
fn no_damage_to_a_header_ends_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.gguf");
    std::fs::copy(file(MODEL), &path).unwrap();
    let most: u64 = std::env::var_os("REELSMITH_FUZZ").and_then(|n| n.to_str()?.parse().ok()).unwrap_or(60);
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "llama::tests::damage::damaged_copies_are_opened", "--ignored", "--nocapture"])
        .env(DAMAGED, format!("{} 0 {most}", path.display()))
        .output()
        .expect("a child");
    let told = String::from_utf8_lossy(&child.stdout);
    let last = told.lines().rfind(|line| line.starts_with("damage")).unwrap_or_default();
    assert!(child.status.success(), "{last}: {}: {}", child.status, String::from_utf8_lossy(&child.stderr));
    eprintln!("{}", told.lines().rfind(|line| line.starts_with("opened")).unwrap_or_default());
}
