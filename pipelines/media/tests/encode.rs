//! Real encodes with the real ffmpeg: the file that comes out, and what is left when it fails.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use reelsmith_media::encode::{Encoder, VideoSettings, encode};
use reelsmith_media::ffmpeg::{Ffmpeg, Input, Output, file_url, strings};
use reelsmith_media::frames::{Compositor, NoCaptions};
use reelsmith_media::motion::Motion;
use reelsmith_media::picture::{Picture, PictureSource};
use reelsmith_media::probe::{Probe, probe};
use reelsmith_media::timeline::{Scene, Timeline};
use reelsmith_media::{ErrorKind, MediaError, OnProgress};
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Frames far smaller than the pipe to ffmpeg, and such as are mapped into it because they are larger.
const SIZES: [(u32, u32); 2] = [(270, 480), (720, 1280)];

const GO_ON: OnProgress<'static> = &|_, _| ControlFlow::Continue(());

/// A workshop with a short sound and pictures of strong detail, which keep the encoder busy.
struct Bench {
    dir: TempDir,
    ffmpeg: Ffmpeg,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("out")).unwrap();
        Self { dir, ffmpeg: Ffmpeg::locate(None, None).unwrap() }
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out").join("video.mp4")
    }

    /// What lies in the folder of the result.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path().join("out")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn sound(&self, seconds: f64) -> PathBuf {
        let path = self.dir.path().join(format!("{seconds}.m4a"));
        let source = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
        let mut args = strings(&["-f", "lavfi", "-i", &source, "-ac", "2", "-c:a", "aac"]);
        args.push(file_url(&path));
        let child = self.ffmpeg.run("make a sound", &args, Input::None, Output::Progress);
        child.unwrap().wait().unwrap();
        path
    }

    fn timeline(&self, frames: &[u32]) -> Timeline {
        self.timeline_of(SIZES[0], frames)
    }

    fn timeline_of(&self, (width, height): (u32, u32), frames: &[u32]) -> Timeline {
        let scenes = frames.iter().enumerate().map(|(index, &frames)| Scene {
            picture: PictureSource::Memory(Arc::new(noise(300, 500, index as u32))),
            frames,
            motion: Motion::seeded(1, index, f64::from(frames) / 30.0),
            title: None,
        });
        Timeline { width, height, fps: 30, crossfade_frames: 10, scenes: scenes.collect() }
    }

    fn encode(&self, timeline: &Timeline, on_progress: OnProgress<'_>) -> Result<Probe, MediaError> {
        self.encode_with(&self.ffmpeg, timeline, on_progress)
    }

    fn encode_with(
        &self,
        ffmpeg: &Ffmpeg,
        timeline: &Timeline,
        on_progress: OnProgress<'_>,
    ) -> Result<Probe, MediaError> {
        let sound = self.sound(timeline.seconds());
        encode(ffmpeg, timeline, &NoCaptions, &sound, &settings(timeline), &self.out(), on_progress)
    }

    /// An ffmpeg that runs `before` first, in the same process.
    fn prepared(&self, before: &str) -> Ffmpeg {
        let script = self.dir.path().join("ffmpeg");
        fs::write(
            &script,
            format!("#!/bin/sh\n[ \"$1\" = -version ] || {{ {before}\n}}\nexec ffmpeg \"$@\"\n"),
        )
        .unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        Ffmpeg::locate(Some(&script), None).unwrap()
    }

    /// An ffmpeg that tells its number, and where.
    fn told(&self) -> (Ffmpeg, PathBuf) {
        let file = self.dir.path().join("pid");
        (self.prepared(&format!("echo $$ > {}", file.display())), file)
    }
}

/// The number that an ffmpeg tells in `file`, waited for as long as it has not.
fn pid(file: &Path) -> i32 {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        let told = fs::read_to_string(file).unwrap_or_default();
        match told.strip_suffix('\n') {
            Some(number) => return number.parse().unwrap(),
            None => std::thread::yield_now(),
        }
    }
    panic!("ffmpeg did not start")
}

fn settings(timeline: &Timeline) -> VideoSettings {
    VideoSettings {
        width: timeline.width,
        height: timeline.height,
        fps: 30,
        bitrate_bps: 1_500_000,
        preset: "veryfast".to_owned(),
        encoder: Encoder::X264,
        threads: 2,
    }
}

fn noise(width: u32, height: u32, seed: u32) -> Picture {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9);
    let rgb = (0..width * height * 3).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    Picture { width, height, rgb: rgb.collect() }
}

/// Whether a process of that number is there.
fn alive(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_clip_is_what_was_ordered_and_the_same_every_time() {
    for size in SIZES {
        check_clip(size);
    }
}

fn check_clip(size: (u32, u32)) {
    let bench = Bench::new();
    let timeline = bench.timeline_of(size, &[40, 7, 43]);
    let last = AtomicU64::new(0);
    let found = bench
        .encode(&timeline, &|done, total| {
            assert!(done <= total && total == 90);
            assert!(last.fetch_max(done, Ordering::Relaxed) <= done, "progress goes back");
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((found.frames, found.width, found.height, found.fps), (90, size.0, size.1, 30.0));
    assert_eq!((found.video_codec.as_str(), found.audio_codec.as_str()), ("h264", "aac"));
    assert_eq!(found.colour, "tv bt709 bt709 bt709");
    assert!(found.faststart);
    assert!((found.duration - 3.0).abs() < 0.001 && (found.audio_duration - 3.0).abs() < 0.05, "{found:?}");
    assert_eq!(bench.left(), ["video.mp4"]);
    let first = fs::read(bench.out()).unwrap();
    bench.encode(&timeline, GO_ON).unwrap();
    assert!(first == fs::read(bench.out()).unwrap(), "the same input gave other bytes");
    assert_eq!(fs::metadata(bench.out()).unwrap().permissions().mode() & 0o400, 0o400);
}

#[test]
fn the_file_shows_the_composed_frames_in_their_colours() {
    let bench = Bench::new();
    let mut timeline = bench.timeline(&[30, 30]);
    let plain = [[200, 60, 30], [20, 90, 180]];
    for (scene, rgb) in timeline.scenes.iter_mut().zip(plain) {
        let picture = Picture { width: 300, height: 500, rgb: rgb.repeat(300 * 500) };
        scene.picture = PictureSource::Memory(Arc::new(picture));
    }
    bench.encode(&timeline, GO_ON).unwrap();
    let mut args = strings(&["-i"]);
    args.push(file_url(&bench.out()));
    args.extend(strings(&["-f", "rawvideo", "-pix_fmt", "rgb24", "-vf", "scale=270:480", "pipe:1"]));
    let mut child = bench.ffmpeg.run("decode", &args, Input::None, Output::Bytes).unwrap();
    let mut rgb = Vec::new();
    std::io::Read::read_to_end(&mut child.take_stdout(), &mut rgb).unwrap();
    child.wait().unwrap();
    assert_eq!(rgb.len(), 270 * 480 * 3 * 60);
    for (frame, colour) in [(2, plain[0]), (57, plain[1])] {
        for at in [(0, 0), (135, 240), (269, 479)] {
            let pixel = &rgb[((frame * 480 + at.1) * 270 + at.0) * 3..][..3];
            assert!(pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 4), "{pixel:?} is not {colour:?}");
        }
    }
}

#[test]
fn cancelling_leaves_nothing_and_ends_ffmpeg() {
    for (size, call) in SIZES.into_iter().flat_map(|size| [0, 3, 25].map(|call| (size, call))) {
        let bench = Bench::new();
        let (ffmpeg, file) = bench.told();
        let (calls, child) = (AtomicU64::new(0), AtomicI32::new(0));
        let stop = |_, _| match calls.fetch_add(1, Ordering::Relaxed) == call {
            true => {
                child.store(pid(&file), Ordering::Relaxed);
                ControlFlow::Break(())
            }
            false => ControlFlow::Continue(()),
        };
        let error = bench.encode_with(&ffmpeg, &bench.timeline_of(size, &[200]), &stop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(bench.left().is_empty(), "{:?}", bench.left());
        assert!(!alive(child.into_inner()), "ffmpeg is still there");
    }
}

#[test]
fn an_ffmpeg_that_stands_still_can_be_cancelled() {
    // Once with frames to come, and once when all are rendered and wait to be read.
    for frames in [100, 4] {
        let (done, ended) = channel();
        std::thread::spawn(move || {
            let bench = Bench::new();
            let ffmpeg = bench.prepared("kill -STOP $$");
            let calls = AtomicU64::new(0);
            // More often than there are frames to render into: by then all of them wait.
            let stop = |_, _| match calls.fetch_add(1, Ordering::Relaxed) == 12 {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            let error = bench.encode_with(&ffmpeg, &bench.timeline_of(SIZES[1], &[frames]), &stop);
            done.send((error.unwrap_err().kind(), bench.left())).unwrap();
        });
        let (kind, left) = ended.recv_timeout(Duration::from_secs(60)).expect("the order to stop is heard");
        assert_eq!(kind, ErrorKind::Cancelled);
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn an_ffmpeg_that_reads_no_further_is_reported_even_if_it_claims_success() {
    let bench = Bench::new();
    for size in SIZES {
        let ffmpeg = bench.prepared("head -c 5000000 > /dev/null; exit 0");
        let error = bench.encode_with(&ffmpeg, &bench.timeline_of(size, &[200]), GO_ON).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert!(error.to_string().contains("send every frame to ffmpeg: Broken pipe"), "{error}");
        assert!(bench.left().is_empty(), "{:?}", bench.left());
    }
}

#[test]
fn a_killed_ffmpeg_is_reported_and_the_older_result_kept() {
    for (size, frames) in SIZES.into_iter().zip([2000, 300]) {
        let bench = Bench::new();
        let (ffmpeg, file) = bench.told();
        fs::write(bench.out(), "an older video").unwrap();
        let kill = |done: u64, _: u64| {
            if done > 20 {
                // SAFETY: a signal to a child of this test has no effect on this process's memory.
                unsafe { libc::kill(pid(&file), libc::SIGKILL) };
            }
            ControlFlow::Continue(())
        };
        let error = bench.encode_with(&ffmpeg, &bench.timeline_of(size, &[frames]), &kill).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ToolFailed, "{error}");
        assert!(error.to_string().contains("ffmpeg ended with signal: 9"), "{error}");
        assert_eq!(bench.left(), ["video.mp4"]);
        assert_eq!(fs::read_to_string(bench.out()).unwrap(), "an older video");
    }
}

#[test]
fn a_polite_end_half_way_is_not_taken_for_success() {
    // On SIGTERM ffmpeg closes the file properly: it plays, but is too short.
    let bench = Bench::new();
    let (ffmpeg, file) = bench.told();
    let terminate = |done: u64, _: u64| {
        if done > 20 {
            // SAFETY: a signal to a child of this test has no effect on this process's memory.
            unsafe { libc::kill(pid(&file), libc::SIGTERM) };
        }
        ControlFlow::Continue(())
    };
    let error = bench.encode_with(&ffmpeg, &bench.timeline(&[2000]), &terminate).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ToolFailed | ErrorKind::Verification), "{error}");
    assert!(bench.left().is_empty(), "{:?}", bench.left());
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing() {
    // A limit on the file's size stands in for the disk's end: the same write fails.
    let bench = Bench::new();
    let ffmpeg = bench.prepared("trap '' XFSZ; ulimit -f 100");
    let error = bench.encode_with(&ffmpeg, &bench.timeline(&[300]), GO_ON).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DiskFull, "{error}");
    assert!(error.to_string().contains("free some space"), "{error}");
    assert!(bench.left().is_empty(), "{:?}", bench.left());
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let bench = Bench::new();
    let sound = bench.sound(1.0);
    let out = bench.dir.path().join("nowhere").join("video.mp4");
    let timeline = bench.timeline(&[30]);
    let error =
        encode(&bench.ffmpeg, &timeline, &NoCaptions, &sound, &settings(&timeline), &out, GO_ON).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("nowhere/video.mp4"), "{error}");
}

#[test]
fn sound_of_another_length_or_none_is_refused() {
    let bench = Bench::new();
    let timeline = bench.timeline(&[60]);
    let encode = |sound: &Path| {
        let settings = settings(&timeline);
        encode(&bench.ffmpeg, &timeline, &NoCaptions, sound, &settings, &bench.out(), GO_ON).unwrap_err()
    };
    let error = encode(&bench.sound(1.0));
    assert_eq!(error.kind(), ErrorKind::Verification, "{error}");
    assert!(error.to_string().contains("audio duration is 1."), "{error}");
    let error = encode(Path::new("/nowhere/sound.m4a"));
    assert_eq!(error.kind(), ErrorKind::ToolFailed);
    assert!(error.to_string().contains("/nowhere/sound.m4a"), "{error}");
    assert!(bench.left().is_empty());
}

#[test]
fn a_missing_picture_stops_the_encode_by_name() {
    let bench = Bench::new();
    let mut timeline = bench.timeline(&[40, 40]);
    timeline.scenes[1].picture = PictureSource::File("/nowhere/picture.png".into());
    let error = bench.encode(&timeline, GO_ON).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("scene 2"), "{error}");
    assert!(error.to_string().contains("/nowhere/picture.png"), "{error}");
    assert!(bench.left().is_empty());
}

#[test]
fn a_cut_file_does_not_pass_the_probe() {
    let bench = Bench::new();
    let timeline = bench.timeline(&[60]);
    bench.encode(&timeline, GO_ON).unwrap();
    let whole = fs::read(bench.out()).unwrap();
    let cut = bench.dir.path().join("cut.mp4");
    fs::write(&cut, &whole[..whole.len() * 2 / 3]).unwrap();
    let expected = reelsmith_media::encode::expected(&timeline);
    let verdict =
        probe(&bench.ffmpeg, &cut).and_then(|found| reelsmith_media::probe::check(&found, &expected));
    assert_eq!(verdict.unwrap_err().kind(), ErrorKind::Verification);
}

#[test]
fn any_frame_can_be_rendered_in_any_order() {
    let bench = Bench::new();
    let timeline = bench.timeline(&[20, 20, 20, 20]);
    let mut forward = Compositor::new(&timeline, &NoCaptions).unwrap();
    let mut out = forward.buffer();
    let frames: Vec<Vec<u8>> = (0..80)
        .map(|frame| {
            forward.render(frame, &mut out).unwrap();
            out.as_bytes().to_vec()
        })
        .collect();
    let mut jumping = Compositor::new(&timeline, &NoCaptions).unwrap();
    for frame in [79, 0, 41, 19, 20, 60, 5, 38] {
        jumping.render(frame, &mut out).unwrap();
        assert!(out.as_bytes() == frames[frame as usize], "frame {frame} differs");
    }
}

#[test]
fn nvenc_is_chosen_where_it_encodes_and_only_there() {
    let bench = Bench::new();
    // It ends before the real ffmpeg would start, so no card is asked for.
    let outcome = bench.dir.path().join("outcome");
    let script = format!("case \"$*\" in *h264_nvenc*) exit $(cat {});; esac", outcome.display());
    let ffmpeg = bench.prepared(&script);
    for (code, expected) in [("0", Encoder::Nvenc), ("1", Encoder::X264)] {
        fs::write(&outcome, code).unwrap();
        assert_eq!(Encoder::choose(&ffmpeg), expected, "exit {code}");
    }
}

#[test]
fn sound_is_decoded_to_samples() {
    let bench = Bench::new();
    let path = bench.sound(2.0);
    let samples = bench.ffmpeg.decode_audio(&path, 48_000, 2).unwrap();
    assert!(samples.len().abs_diff(2 * 96_000) <= 2 * 1024, "{}", samples.len());
    let peak = samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    assert!((0.08..0.1).contains(&peak), "ffmpeg's sine has 1/8, 3 dB less on two channels; not {peak}");
    let start = bench.ffmpeg.decode_audio_start(&path, 24_000, 1, 0.5).unwrap();
    assert_eq!(start.len(), 12_000);
    let error = bench.ffmpeg.decode_audio(Path::new("/nowhere.wav"), 48_000, 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    fs::write(bench.dir.path().join("text.wav"), "no sound at all").unwrap();
    let error = bench.ffmpeg.decode_audio(&bench.dir.path().join("text.wav"), 48_000, 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ToolFailed);
    assert!(error.to_string().contains("text.wav"), "{error}");
}
