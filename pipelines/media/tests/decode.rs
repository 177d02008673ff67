//! Sound of files that ffmpeg made, whole and damaged, decoded piece by piece.

use reelsmith_media::ErrorKind;
use reelsmith_media::decode::SoundFile;
use reelsmith_media::ffmpeg::Ffmpeg;
use std::path::{Path, PathBuf};
use std::process::Command;

const RATE: u32 = 16_000;

fn ffmpeg() -> Ffmpeg {
    Ffmpeg::locate(None, None).expect("ffmpeg is installed")
}

/// A file that ffmpeg makes of these arguments.
fn made(folder: &Path, name: &str, args: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let done = Command::new("ffmpeg").args(["-nostdin", "-v", "error"]).args(args).arg(&path).status();
    assert!(done.expect("ffmpeg starts").success(), "{args:?}");
    path
}

const TONE: [&str; 4] = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=3"];

/// All samples, read in pieces of a size that fits nothing.
fn read(path: &Path) -> reelsmith_media::Result<Vec<f32>> {
    let mut decoding = SoundFile::examine(&ffmpeg(), path)?.decode(&ffmpeg(), RATE);
    let (mut all, mut piece) = (Vec::new(), vec![0.0; 7919]);
    loop {
        let count = decoding.read(&mut piece)?;
        all.extend_from_slice(&piece[..count]);
        if count < piece.len() {
            return Ok(all);
        }
    }
}

/// How often it goes from below to above zero in a second.
fn pitch(samples: &[f32]) -> f64 {
    let risen = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    risen as f64 * f64::from(RATE) / samples.len() as f64
}

#[test]
fn sound_of_any_kind_becomes_one_channel_at_the_rate_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let kinds: [(&str, &[&str]); 4] = [
        ("tone.wav", &["-ac", "2"]),
        ("tone.mp3", &["-ar", "48000"]),
        ("tone.flac", &["-ar", "8000"]),
        ("film.mp4", &["-f", "lavfi", "-i", "color=size=64x64:rate=10:duration=3", "-pix_fmt", "yuv420p"]),
    ];
    for (name, more) in kinds {
        let path = made(folder.path(), name, &[&TONE[..], more].concat());
        let file = SoundFile::examine(&ffmpeg(), &path).unwrap();
        assert!((file.seconds.unwrap() - 3.0).abs() < 0.2, "{name}: {:?}", file.seconds);
        let samples = read(&path).unwrap();
        assert!((samples.len() as f64 / f64::from(RATE) - 3.0).abs() < 0.1, "{name}: {}", samples.len());
        assert!((pitch(&samples[1000..40_000]) - 440.0).abs() < 3.0, "{name}: {}", pitch(&samples));
        assert!(samples.iter().all(|sample| sample.abs() <= 1.0));
    }
}

#[test]
fn a_video_without_sound_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let film = made(folder.path(), "film.mp4", &["-f", "lavfi", "-i", "color=size=64x64:duration=1"]);
    let error = SoundFile::examine(&ffmpeg(), &film).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("film.mp4 holds no sound"), "{error}");
}

#[test]
fn what_is_no_media_file_or_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let absent = SoundFile::examine(&ffmpeg(), &folder.path().join("none.wav")).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::InvalidInput);
    let folder_itself = SoundFile::examine(&ffmpeg(), folder.path()).unwrap_err();
    assert_eq!(folder_itself.kind(), ErrorKind::InvalidInput);
    for bytes in [&b""[..], b"words, not sound\n", b"RIFF\xff\xff\xff\xffWAVE"] {
        let path = folder.path().join("odd.wav");
        std::fs::write(&path, bytes).unwrap();
        let told = SoundFile::examine(&ffmpeg(), &path).map(drop).expect_err("no sound");
        assert!(matches!(told.kind(), ErrorKind::ToolFailed | ErrorKind::InvalidInput), "{told}");
    }
}

/// A 16-bit WAV of silence with `samples` samples, whose header says that it has `claimed` bytes of them.
fn wav(samples: usize, claimed: u32) -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(claimed.saturating_add(36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(RATE.to_le_bytes());
    bytes.extend((RATE * 2).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(claimed.to_le_bytes());
    bytes.resize(44 + samples * 2, 0);
    bytes
}

#[test]
fn a_header_that_lies_gives_the_samples_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lie.wav");
    for (samples, claimed) in
        [(16_000, u32::MAX), (16_000, 0x7fff_fff0), (1, 2), (1, 64_000), (16_000, 32_000)]
    {
        std::fs::write(&path, wav(samples, claimed)).unwrap();
        assert_eq!(read(&path).unwrap().len(), samples, "{claimed} claimed");
    }
    // What lies behind the end of the data is not sound.
    std::fs::write(&path, wav(16_000, 16_000)).unwrap();
    assert_eq!(read(&path).unwrap().len(), 8_000);
}

#[test]
fn a_long_sound_can_be_left_after_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(
        folder.path(),
        "long.flac",
        &["-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "1800", "-compression_level", "0"],
    );
    let file = SoundFile::examine(&ffmpeg(), &path).unwrap();
    assert_eq!(file.seconds, Some(1_800.0));
    let mut decoding = file.decode(&ffmpeg(), RATE);
    let mut second = vec![1.0; RATE as usize];
    assert_eq!(decoding.read(&mut second).unwrap(), second.len());
    assert!(second.iter().all(|sample| *sample == 0.0));
    let mut samples = second.len() as u64;
    // All of it passes through without being held.
    loop {
        let count = decoding.read(&mut second).unwrap();
        samples += count as u64;
        if count < second.len() {
            break;
        }
    }
    assert_eq!(samples, 1_800 * u64::from(RATE));
    let mut other = file.decode(&ffmpeg(), RATE);
    assert_eq!(other.read(&mut second[..10]).unwrap(), 10);
}
