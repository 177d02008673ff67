//! The mix of an episode: levels of voices, ducking, fades, and pieces that fit together.

use crate::signals::{sine, speech, stereo};
use proptest::prelude::*;
use reelsmith_media::ErrorKind;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_media::sound::episode::{Clip, EpisodeSpec, MAX_SECONDS, MusicCue, record};
use reelsmith_media::sound::{Ducking, MIX_RATE, Mood, Source, Tape, Track, check_music, long_bed, measure};
use std::ops::ControlFlow;
use std::path::Path;

fn go_on(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn mixed(spec: EpisodeSpec, dir: &Path) -> Track {
    let tape = record(spec, &dir.join("mix.f32"), &go_on).unwrap();
    Track::new(MIX_RATE, 2, tape.read(0..tape.frames()).unwrap().into_owned()).unwrap()
}

/// A voice of 4 s at some level, as a file.
fn clip(dir: &Path, voice: usize, at: f64, gain: f32) -> Clip {
    let mut track = speech(4.0, voice as u64 + 1);
    track.samples.iter_mut().for_each(|sample| *sample *= gain);
    let file = dir.join(format!("{voice}-{at:.2}.wav"));
    track.write_wav(&file).unwrap();
    Clip { file, voice, at, from: 0.0, to: 4.0 }
}

fn cue(start: f64, seconds: f64) -> MusicCue {
    let ducking = Ducking { depth_db: 12.0, ..Ducking::default() };
    // Longer than it plays: a tone that is repeated would add to itself in the crossfade.
    let track = stereo(48_000, 20.0, sine(1000.0, -20.0));
    MusicCue { track, again: None, start, seconds, level_lu: -8.0, ducking, fade_in: 0.5, fade_out: 1.0 }
}

fn part(track: &Track, from: f64, to: f64) -> Track {
    let at = |seconds: f64| (seconds * f64::from(MIX_RATE)) as usize * 2;
    Track::new(MIX_RATE, 2, track.samples[at(from)..at(to)].to_vec()).unwrap()
}

fn lufs(track: &Track, from: f64, to: f64) -> f64 {
    measure(&part(track, from, to)).unwrap().integrated_lufs
}

#[test]
fn voices_of_different_loudness_become_equally_loud() {
    let dir = tempfile::tempdir().unwrap();
    let clips =
        vec![clip(dir.path(), 0, 0.0, 0.05), clip(dir.path(), 1, 5.0, 0.9), clip(dir.path(), 0, 10.0, 0.05)];
    let track =
        mixed(EpisodeSpec { clips, speech: Vec::new(), music: Vec::new(), seconds: 15.0 }, dir.path());
    let levels = [lufs(&track, 0.0, 4.0), lufs(&track, 5.0, 9.0), lufs(&track, 10.0, 14.0)];
    assert!(levels.iter().all(|level| (level - levels[0]).abs() < 0.5), "{levels:?}");
    assert!(part(&track, 4.1, 4.9).samples.iter().all(|sample| *sample == 0.0), "a pause is silent");
}

#[test]
fn what_one_voice_says_softly_stays_softer() {
    let dir = tempfile::tempdir().unwrap();
    let clips = vec![clip(dir.path(), 0, 0.0, 0.8), clip(dir.path(), 0, 5.0, 0.4)];
    let track = mixed(EpisodeSpec { clips, speech: Vec::new(), music: Vec::new(), seconds: 9.5 }, dir.path());
    let apart = lufs(&track, 0.0, 4.0) - lufs(&track, 5.0, 9.0);
    assert!((apart - 6.02).abs() < 0.3, "{apart}");
}

#[test]
fn music_steps_back_while_somebody_speaks_and_ends_without_a_click() {
    let dir = tempfile::tempdir().unwrap();
    let speech = vec![(6.0, 10.0)];
    let track = mixed(
        EpisodeSpec { clips: Vec::new(), speech, music: vec![cue(1.0, 15.0)], seconds: 18.0 },
        dir.path(),
    );
    let (alone, under, after) = (lufs(&track, 2.5, 5.0), lufs(&track, 6.5, 9.5), lufs(&track, 11.5, 14.5));
    assert!((alone - under - 12.0).abs() < 0.5, "{alone} {under}");
    assert!((alone - after).abs() < 0.5, "{alone} {after}");
    assert!(part(&track, 0.0, 1.0).samples.iter().all(|sample| *sample == 0.0));
    assert!(part(&track, 16.01, 18.0).samples.iter().all(|sample| *sample == 0.0));
    // A tone of 1 kHz moves by its amplitude times 0.13 a sample at most: a cut would move by more.
    let peak = track.samples.iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
    let step = track.samples.chunks_exact(2).map(|frame| frame[0]).collect::<Vec<_>>();
    let step = step.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(step < peak * 0.3, "{step} of {peak}");
}

#[test]
fn a_piece_that_is_as_long_as_asked_is_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    // A ramp of pitch: were it repeated, its low beginning would be heard at its end.
    let track = stereo(48_000, 6.0, |t| 0.3 * (std::f64::consts::TAU * (200.0 + 300.0 * t) * t).sin());
    let music =
        vec![MusicCue { track, start: 0.0, seconds: 6.0, fade_in: 0.0, fade_out: 0.0, ..cue(0.0, 6.0) }];
    let out = mixed(EpisodeSpec { clips: Vec::new(), speech: Vec::new(), music, seconds: 6.0 }, dir.path());
    let crossings = |from, to| {
        let part = part(&out, from, to).samples;
        let left: Vec<f32> = part.chunks_exact(2).map(|frame| frame[0]).collect();
        left.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count()
    };
    assert!(crossings(5.0, 5.9) > 2 * crossings(1.0, 1.9));
}

#[test]
fn what_cannot_be_mixed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let spec = || EpisodeSpec { clips: Vec::new(), speech: Vec::new(), music: Vec::new(), seconds: 3.0 };
    let refused = |spec: EpisodeSpec| record(spec, &dir.path().join("mix.f32"), &go_on).unwrap_err();
    let long = refused(EpisodeSpec { seconds: MAX_SECONDS + 1.0, ..spec() });
    assert_eq!(long.kind(), ErrorKind::Limit, "{long}");
    let silent = Track::silence(96_000);
    let music = |cue: MusicCue| EpisodeSpec { music: vec![cue], ..spec() };
    for (spec, says) in [
        (music(MusicCue { track: silent, ..cue(0.0, 3.0) }), "silent"),
        (music(MusicCue { track: Track::silence(10), ..cue(0.0, 3.0) }), "music of 0.00 s"),
        (music(MusicCue { level_lu: 90.0, ..cue(0.0, 3.0) }), "level_lu"),
        (
            EpisodeSpec {
                clips: vec![clip(dir.path(), 0, 2.0, 1.0), clip(dir.path(), 0, 0.0, 1.0)],
                ..spec()
            },
            "order",
        ),
    ] {
        let error = refused(spec);
        assert!(error.to_string().contains(says), "{error}");
    }
    let cancelled = record(spec(), &dir.path().join("mix.f32"), &|_, _| ControlFlow::Break(())).unwrap_err();
    assert_eq!(cancelled.kind(), ErrorKind::Cancelled);
    let mut tape = Tape::create(&dir.path().join("tape.f32")).unwrap();
    assert!(tape.append(&[0.0]).is_err() && tape.append(&[f32::NAN, 0.0]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn an_episode_is_as_long_as_asked_and_silent_where_nothing_is_laid(
        at in 0.0..18.0f64, from in 0.0..18.0f64, seconds in 0.5..9.0f64, length in 22.0..34.0f64,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let clips = vec![clip(dir.path(), 0, at, 0.5)];
        let music = vec![cue(from, seconds)];
        let spec = EpisodeSpec { clips, speech: vec![(at, at + 4.0)], music, seconds: length };
        let track = mixed(spec, dir.path());
        prop_assert_eq!(track.frames(), (length * f64::from(MIX_RATE)).round() as usize);
        for (n, frame) in track.samples.chunks_exact(2).enumerate() {
            let time = n as f64 / f64::from(MIX_RATE);
            let laid = |start: f64, end: f64| time >= start - 1e-3 && time <= end + 1e-3;
            if !laid(at, at + 4.0) && !laid(from, from + seconds) {
                prop_assert_eq!(frame, [0.0, 0.0], "at {}", time);
            }
        }
    }
}

#[test]
fn the_level_of_music_is_that_of_what_is_heard_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let of = |quiet: f64| {
        // Ten seconds that are heard, and twenty much louder ones that are not.
        let mut track = stereo(48_000, 30.0, sine(1000.0, quiet));
        track.samples[10 * 48_000 * 2..].copy_from_slice(&stereo(48_000, 20.0, sine(1000.0, -6.0)).samples);
        let music = vec![MusicCue { track, ..cue(0.0, 10.0) }];
        let spec = EpisodeSpec { clips: Vec::new(), speech: Vec::new(), music, seconds: 10.0 };
        lufs(&mixed(spec, dir.path()), 2.0, 8.0)
    };
    // The voices have -23 LUFS, and the music 8 LU less.
    assert!((of(-40.0) + 31.0).abs() < 0.3, "{}", of(-40.0));
    assert!((of(-20.0) + 31.0).abs() < 0.3, "{}", of(-20.0));
}

#[test]
fn music_shorter_than_its_stretch_comes_again_without_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let track = stereo(48_000, 5.0, sine(440.0, -20.0));
    // Whole periods fit between the repetitions, so that both sides of a crossfade are the same tone.
    let music = vec![MusicCue { track, fade_in: 0.0, fade_out: 0.0, ..cue(0.0, 16.0) }];
    let spec = EpisodeSpec { clips: Vec::new(), speech: Vec::new(), music, seconds: 16.0 };
    let track = mixed(spec, dir.path());
    let levels: Vec<f64> =
        (0..31).map(|n| lufs(&track, f64::from(n) * 0.5, f64::from(n) * 0.5 + 0.5)).collect();
    let (low, high) =
        levels.iter().fold((f64::MAX, f64::MIN), |(l, h), level| (l.min(*level), h.max(*level)));
    // Equal power adds up to 3 dB where both sides are in step, and never makes a hole.
    assert!(low > levels[0] - 0.1 && high < levels[0] + 3.1, "{levels:?}");
    assert!(high > levels[0] + 2.0, "there is a crossfade: {levels:?}");
    let moved = track.samples.chunks_exact(2).map(|frame| frame[0]).collect::<Vec<_>>();
    let peak = moved.iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
    let most = moved.windows(2).fold(0f32, |most, pair| most.max((pair[1] - pair[0]).abs()));
    assert!(most < 1.2 * peak * 440.0 * std::f32::consts::TAU / 48_000.0, "{most} of {peak} is a click");
}

#[test]
fn what_cannot_be_music_is_told_without_reading_more_than_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    let ffmpeg = Ffmpeg::locate(None, None).unwrap();
    let file = |track: Track| {
        let path = dir.path().join("music.wav");
        track.write_wav(&path).unwrap();
        path
    };
    let mut late = Track::silence(48_000 * 4);
    late.samples[48_000 * 2 * 2..].fill(0.1);
    late.samples.iter_mut().step_by(96).for_each(|sample| *sample *= -1.0);
    let late = file(late);
    assert!(check_music(&ffmpeg, &late, 4.0).is_ok());
    let error = check_music(&ffmpeg, &late, 1.5).unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains("silent"), "{error}");
    let error = check_music(&ffmpeg, &file(stereo(48_000, 0.7, sine(440.0, -20.0))), 60.0).unwrap_err();
    assert!(error.to_string().contains("lasts 0.70 s"), "{error}");
}

#[test]
fn a_composed_bed_lies_under_a_long_talk_without_a_hole() {
    let dir = tempfile::tempdir().unwrap();
    let (track, again) = long_bed(4, Mood::Calm, 200.0).unwrap();
    assert!(track.seconds() <= 120.1, "{}", track.seconds());
    let music = vec![MusicCue { track, again: Some(again), ..cue(0.0, 200.0) }];
    let spec = EpisodeSpec { clips: Vec::new(), speech: Vec::new(), music, seconds: 200.0 };
    let track = mixed(spec, dir.path());
    let level = |second: usize| {
        let samples = &track.samples[second * 96_000..(second + 4) * 96_000];
        10.0 * (samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64).log10()
    };
    let mut levels: Vec<f64> = (2..190).map(level).collect();
    levels.sort_by(f64::total_cmp);
    assert!(levels[0] > levels[levels.len() / 2] - 8.0, "{levels:?}");
    assert!(track.samples[track.samples.len() - 20..].iter().all(|sample| sample.abs() < 1e-3), "it ends");
}
