//! Mastering, judged on the file by ffmpeg's own meter as well as ours.

use crate::signals::{Noise, sine, speech, stereo};
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_media::sound::limiter::limit;
use reelsmith_media::sound::{
    LoudnessTarget, Mastered, MixSpec, Mood, Music, Source, Tags, Track, bed, master_to_aac, master_to_mp3,
    measure, mix,
};
use reelsmith_media::{ErrorKind, MediaError};
use std::borrow::Cow;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

fn ffmpeg() -> Ffmpeg {
    Ffmpeg::locate(None, None).expect("ffmpeg is needed: see `make setup`")
}

fn go_on(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn master(track: &Track, out: &Path) -> Result<Mastered, MediaError> {
    master_to_aac(&ffmpeg(), track, &LoudnessTarget::default(), 256_000, out, &go_on)
}

fn files_in(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

/// Integrated loudness by ffmpeg's ebur128 filter.
fn by_ffmpeg(path: &Path) -> f64 {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-v", "error", "-i"])
        .arg(path)
        .args(["-af", "ebur128=metadata=1,ametadata=print:key=lavfi.r128.I:file=-", "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.rsplit("lavfi.r128.I=").next().unwrap();
    last.trim().parse().unwrap()
}

fn narration() -> Track {
    let voice = vec![(0.5, speech(4.0, 1)), (5.0, speech(2.5, 2))];
    let music = Some(Music::new(bed(1, Mood::Curious, 9.0).unwrap()));
    mix(MixSpec { music, ..MixSpec::new(voice, 9.0) }).unwrap()
}

fn scaled(mut track: Track, db: f64) -> Track {
    let gain = 10f64.powf(db / 20.0) as f32;
    track.samples.iter_mut().for_each(|s| *s *= gain);
    track
}

#[test]
fn every_kind_of_sound_meets_the_target_on_the_decoded_file() {
    let directory = tempfile::tempdir().unwrap();
    let mut noise = Noise(4);
    let voice = mix(MixSpec::new(vec![(0.0, speech(6.0, 3))], 6.0)).unwrap();
    let inputs = [
        ("voice over music", narration()),
        ("voice", voice.clone()),
        ("music", bed(2, Mood::Bright, 8.0).unwrap()),
        ("very quiet", scaled(voice.clone(), -85.0)),
        ("very hot", scaled(voice, 30.0)),
        ("noise", stereo(48_000, 4.0, |_| f64::from(noise.next()))),
    ];
    for (name, track) in inputs {
        let out = directory.path().join("sound.m4a");
        let mastered = master(&track, &out).unwrap_or_else(|e| panic!("{name}: {e}"));
        let decoded = Track::decode(&ffmpeg(), &out, 60.0).unwrap();
        let loudness = measure(&decoded).unwrap();
        assert!((loudness.integrated_lufs + 14.0).abs() <= 0.1, "{name}: {loudness:?}");
        assert!(loudness.true_peak_dbtp <= -1.0, "{name}: {loudness:?}");
        assert_eq!(loudness, mastered.loudness, "{name}: what is reported is what the file measures");
        let other = by_ffmpeg(&out);
        assert!(
            (other - loudness.integrated_lufs).abs() <= 0.1,
            "{name}: ffmpeg measures {other}, we {loudness:?}"
        );
        // AAC comes in blocks of 1024 frames; all of the sound is there.
        assert!((0..1024).contains(&(decoded.frames() - track.frames())), "{name}: {}", decoded.frames());
        assert!(mastered.iterations <= 3, "{name} took {} iterations", mastered.iterations);
        assert_eq!(files_in(directory.path()), 1, "{name} left a temporary file");
    }
}

#[test]
fn other_targets_are_met_too() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("sound.m4a");
    for (lufs, true_peak_dbtp) in [(-23.0, -1.0), (-16.0, -2.0), (-11.0, -1.0)] {
        let target = LoudnessTarget { lufs, true_peak_dbtp, ..LoudnessTarget::default() };
        let mastered = master_to_aac(&ffmpeg(), &narration(), &target, 128_000, &out, &go_on).unwrap();
        assert!(target.met_by(&mastered.loudness), "{mastered:?}");
    }
}

#[test]
fn the_same_sound_gives_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("1.m4a"), directory.path().join("2.m4a"));
    assert_eq!(master(&narration(), &one).unwrap(), master(&narration(), &two).unwrap());
    assert!(std::fs::read(one).unwrap() == std::fs::read(two).unwrap());
}

#[test]
fn sound_stays_in_time_through_encoder_muxer_and_decoder() {
    let directory = tempfile::tempdir().unwrap();
    let (out, video) = (directory.path().join("sound.m4a"), directory.path().join("video.mp4"));
    // Three knocks over soft noise.
    let times = [0.5, 2.25, 3.9];
    let mut noise = Noise(8);
    let track = stereo(48_000, 4.0, |t| {
        let knock = times.iter().any(|at| (0.0..0.002).contains(&(t - at)));
        f64::from(noise.next()) * if knock { 0.9 } else { 0.05 }
    });
    let target = LoudnessTarget { lufs: -26.0, ..LoudnessTarget::default() };
    master_to_aac(&ffmpeg(), &track, &target, 256_000, &out, &go_on).unwrap();
    let mux = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=30:duration=4", "-i"])
        .arg(&out)
        .args(["-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-c:a", "copy", "-movflags", "+faststart"])
        .arg(&video)
        .status()
        .unwrap();
    assert!(mux.success());
    for path in [&out, &video] {
        let decoded = Track::decode(&ffmpeg(), path, 60.0).unwrap();
        let delay = delay(&track, &decoded);
        assert_eq!(delay, 0, "{} is {delay} samples off", path.display());
        for at in times {
            let onset = onset(&decoded, at);
            assert!((onset - at).abs() < 0.005, "the knock at {at} s is heard at {onset} s");
        }
    }
}

/// Samples by which `late` lags behind `early`, by the highest correlation within 100 ms.
fn delay(early: &Track, late: &Track) -> i64 {
    let correlation = |shift: i64| -> f64 {
        (24_000..72_000)
            .step_by(2)
            .map(|n| f64::from(early.samples[n]) * f64::from(late.samples[(n as i64 + 2 * shift) as usize]))
            .sum()
    };
    (-4_800..=4_800).max_by(|a, b| correlation(*a).total_cmp(&correlation(*b))).unwrap()
}

/// The first second from 50 ms before `at` at which the sound is loud.
fn onset(track: &Track, at: f64) -> f64 {
    let from = ((at - 0.05) * 48_000.0) as usize * 2;
    let around = &track.samples[from..from + 9_600];
    let peak = around.iter().fold(0f32, |m, s| m.max(s.abs()));
    let first = around.iter().position(|s| s.abs() > 0.5 * peak).unwrap();
    (from + first) as f64 / 96_000.0
}

#[test]
fn silence_is_refused_and_nothing_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("sound.m4a");
    let refused = |track: Track, word: &str| {
        let error = master(&track, &out).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(files_in(directory.path()), 0);
    };
    refused(Track::silence(96_000), "silent");
    refused(scaled(narration(), -130.0), "silent");
    refused(Track::silence(9_600), "too short");
    refused(speech(1.0, 1), "stereo");
    refused(Track { rate: 48_000, channels: 2, samples: vec![f32::INFINITY; 96_000] }, "finite");
}

#[test]
fn a_target_out_of_reach_says_how_far_it_came() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("sound.m4a");
    std::fs::write(&out, "what was here before").unwrap();
    // Clicks far apart: however high the gain, a limiter leaves nearly nothing between them.
    let track = stereo(48_000, 4.0, |t| if t % 1.0 < 0.00002 { 0.9 } else { 0.0 });
    let target = LoudnessTarget { lufs: -8.0, true_peak_dbtp: -12.0, tolerance_lu: 0.1 };
    let error = master_to_aac(&ffmpeg(), &track, &target, 256_000, &out, &go_on).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    // What the caller asked for, not what was aimed at on the way there.
    let asked = "-8.00 LUFS (within 0.1 LU) under a true peak of -12.00 dBTP";
    assert!(error.to_string().contains(asked), "{error}");
    assert_eq!(std::fs::read(&out).unwrap(), b"what was here before");
    assert_eq!(files_in(directory.path()), 1);
}

#[test]
fn a_tolerance_is_used_where_the_limiter_lets_no_gain_come_closer() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("sound.m4a");
    // A steady tone: once the limiter holds it at its ceiling, more gain makes it no louder.
    let track = stereo(48_000, 6.0, sine(997.0, -30.0));
    let loudest = measure(&limit(&track, 1e4, -8.5)).unwrap().integrated_lufs;
    let target = LoudnessTarget { lufs: loudest + 0.5, true_peak_dbtp: -8.0, tolerance_lu: 2.0 };
    let mastered = master_to_aac(&ffmpeg(), &track, &target, 256_000, &out, &go_on).unwrap();
    assert!(target.met_by(&mastered.loudness), "{mastered:?}");
    let exact = LoudnessTarget { tolerance_lu: 0.1, ..target };
    let error = master_to_aac(&ffmpeg(), &track, &exact, 256_000, &out, &go_on).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[test]
fn progress_rises_and_a_cancel_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("sound.m4a");
    let track = narration();
    let seen = Mutex::new(Vec::new());
    let note = |done: u64, total: u64| {
        seen.lock().unwrap().push((done, total));
        ControlFlow::Continue(())
    };
    master_to_aac(&ffmpeg(), &track, &LoudnessTarget::default(), 256_000, &out, &note).unwrap();
    std::fs::remove_file(&out).unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.windows(2).all(|w| w[0].0 <= w[1].0 && w[0].1 == w[1].1), "{seen:?}");
    assert_eq!(seen.last().map(|(done, total)| done == total), Some(true));
    for (stop, _) in [seen[0], seen[seen.len() / 2], seen[seen.len() - 2]] {
        let stopper = |done: u64, _: u64| match done >= stop {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let result = master_to_aac(&ffmpeg(), &track, &LoudnessTarget::default(), 256_000, &out, &stopper);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(files_in(directory.path()), 0, "stopped at {stop}");
    }
}

#[test]
fn a_mix_is_not_read_once_it_is_cancelled() {
    struct Counted(Track, AtomicU32);
    impl Source for Counted {
        fn frames(&self) -> usize {
            self.0.frames()
        }
        fn read(&self, frames: Range<usize>) -> Result<Cow<'_, [f32]>, MediaError> {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.read(frames)
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let mix = Counted(stereo(48_000, 250.0, sine(440.0, -20.0)), AtomicU32::new(0));
    for after in [0, 2] {
        let stop = |_, _| match mix.1.load(Ordering::SeqCst) >= after {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let (target, out) = (LoudnessTarget::default(), directory.path().join("sound.mp3"));
        let result = master_to_mp3(&ffmpeg(), &mix, &target, &Tags::default(), &out, &stop);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(mix.1.swap(0, Ordering::SeqCst), after);
    }
}

/// An ffmpeg that tells its version and otherwise does `instead`.
fn stand_in(folder: &Path, instead: &str) -> Ffmpeg {
    use std::os::unix::fs::PermissionsExt;
    let program = folder.join("ffmpeg");
    let script = format!("#!/bin/sh\n[ \"$1\" = -version ] && exec ffmpeg -version\n{instead}\n");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    Ffmpeg::locate(Some(&program), None).unwrap()
}

#[test]
fn an_encoder_that_dies_or_stops_reading_half_way_leaves_nothing() {
    let (tools, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let out = directory.path().join("sound.m4a");
    let ends = [("kill -9 $$", ErrorKind::ToolFailed), ("exit 0", ErrorKind::Io)];
    for (end, kind) in ends {
        let broken = stand_in(tools.path(), &format!("head -c 200000 >/dev/null\n{end}"));
        let error = master_to_aac(&broken, &narration(), &LoudnessTarget::default(), 256_000, &out, &go_on);
        let error = error.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(files_in(directory.path()), 0);
    }
}

#[test]
fn an_encoder_that_stands_still_can_be_cancelled() {
    let (done, ended) = channel();
    std::thread::spawn(move || {
        let (tools, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let still = stand_in(tools.path(), "kill -STOP $$");
        // From 0.3 of the first iteration's two thirds on it is encoded; the pipe takes hardly any of it.
        let calls = AtomicU32::new(0);
        let stop = |done: u64, _: u64| match done >= 200 && calls.fetch_add(1, Ordering::Relaxed) == 3 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let out = directory.path().join("sound.m4a");
        let target = LoudnessTarget::default();
        let error = master_to_aac(&still, &narration(), &target, 256_000, &out, &stop).unwrap_err();
        done.send((error.kind(), files_in(directory.path()))).unwrap();
    });
    let (kind, left) = ended.recv_timeout(Duration::from_secs(60)).expect("the order to stop is heard");
    assert_eq!((kind, left), (ErrorKind::Cancelled, 0));
}

#[test]
fn a_folder_that_is_absent_and_values_out_of_range_are_named() {
    let error = master(&narration(), Path::new("/nowhere/sound.m4a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("/nowhere/sound.m4a"), "{error}");
    let loud = LoudnessTarget { lufs: 3.0, ..LoudnessTarget::default() };
    let error =
        master_to_aac(&ffmpeg(), &narration(), &loud, 256_000, Path::new("x.m4a"), &go_on).unwrap_err();
    assert!(error.to_string().contains("from -40 to -5"), "{error}");
    let error =
        master_to_aac(&ffmpeg(), &narration(), &LoudnessTarget::default(), 7, Path::new("x.m4a"), &go_on);
    assert!(error.unwrap_err().to_string().contains("AAC bit rate"));
}
