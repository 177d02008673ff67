//! The mix: what is laid where, and how the music yields.

use crate::signals::{Noise, amplitude, left, mono, rms_db, sine, speech, stereo};
use proptest::prelude::*;
use reelsmith_media::ErrorKind;
use reelsmith_media::sound::duck::speech_regions;
use reelsmith_media::sound::{Ducking, MixSpec, Music, Track, measure, mix};

/// Far above the test voice's formants, so that it tells the music's level while the voice speaks.
const MARKER_HZ: f64 = 11_000.0;

fn marked_music(seconds: f64) -> Track {
    stereo(48_000, seconds, sine(MARKER_HZ, -12.0))
}

/// Level of the marker in dB in the quarter second around `at`.
fn marker(track: &Track, at: f64) -> f64 {
    let from = ((at - 0.125) * 48_000.0) as usize;
    20.0 * amplitude(&left(track)[from..from + 12_000], 48_000, MARKER_HZ).log10()
}

/// The music in a mix: what is left when the voice is taken away.
fn music_of(spec: &MixSpec) -> Track {
    let mut with = mix(spec.clone()).unwrap();
    let without = mix(MixSpec { music: None, ..spec.clone() }).unwrap();
    with.samples.iter_mut().zip(&without.samples).for_each(|(w, v)| *w -= v);
    with
}

/// Speech from 3 s to 6 s and from 7.2 s to 9 s in 16 s: a pause below and one above the hold time.
fn talk() -> Vec<(f64, Track)> {
    vec![(3.0, speech(3.0, 1)), (7.2, speech(1.8, 2))]
}

#[test]
fn music_yields_while_someone_speaks_and_comes_back() {
    let ducking = Ducking::default();
    let spec = MixSpec { music: Some(Music::new(marked_music(16.0))), ..MixSpec::new(talk(), 16.0) };
    let track = music_of(&spec);
    let up = marker(&track, 2.0);
    for at in [3.15, 4.0, 5.0, 6.0, 6.6, 7.0, 7.5, 8.5] {
        let depth = up - marker(&track, at);
        assert!((depth - ducking.depth_db).abs() < 0.05, "{depth:.2} dB at {at} s");
    }
    for at in [1.0, 11.0, 13.0] {
        assert!((up - marker(&track, at)).abs() < 0.1, "not up at {at} s");
    }
}

#[test]
fn depth_attack_release_and_hold_are_obeyed() {
    for (depth_db, hold) in [(6.0, 1.6), (20.0, 0.4), (0.0, 1.0)] {
        let ducking = Ducking { depth_db, attack: 0.2, release: 0.3, hold };
        let music = Music { ducking, ..Music::new(marked_music(16.0)) };
        let track = music_of(&MixSpec { music: Some(music), ..MixSpec::new(talk(), 16.0) });
        let up = marker(&track, 2.0);
        assert!((up - marker(&track, 4.5) - depth_db).abs() < 0.3);
        let pause = up - marker(&track, 6.6);
        match hold > 1.3 {
            true => assert!((pause - depth_db).abs() < 0.3, "it rose within the hold time by {pause}"),
            false => assert!(pause.abs() < 0.3, "it did not rise in a pause beyond the hold time: {pause}"),
        }
        assert!((up - marker(&track, 2.6)).abs() < 0.1, "down 0.4 s before the voice");
        assert!((up - marker(&track, 9.6)).abs() < 0.1, "still down 0.6 s after the voice");
    }
}

#[test]
fn music_never_pumps_between_words() {
    let music =
        Music { ducking: Ducking { depth_db: 18.0, ..Ducking::default() }, ..Music::new(marked_music(12.0)) };
    let track = music_of(&MixSpec { music: Some(music), ..MixSpec::new(vec![(1.0, speech(10.0, 5))], 12.0) });
    let levels: Vec<f64> = (0..80).map(|n| marker(&track, 1.5 + 0.11 * f64::from(n))).collect();
    let (low, high) = levels.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    assert!(high - low < 0.05, "the music moves by {:.2} dB under speech", high - low);
}

#[test]
fn the_gain_of_the_music_never_steps() {
    let music = Music { fade_in: 0.0, fade_out: 0.0, ..Music::new(stereo(48_000, 16.0, |_| 0.25)) };
    // A constant has no loudness: a slow tone beside it gives it one.
    let mut music = music;
    music.track.samples.iter_mut().enumerate().for_each(|(n, s)| *s += 0.05 * (n as f32 * 0.01).sin());
    let music = left(&music_of(&MixSpec { music: Some(music), ..MixSpec::new(talk(), 16.0) }));
    let peak = music.iter().fold(0f32, |m, s| m.max(s.abs()));
    let step = music.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(step < 0.01 * peak, "a step of {step} in music of {peak}");
}

#[test]
fn music_is_set_by_loudness_not_by_its_file() {
    let mut found = Vec::new();
    for dbfs in [-50.0, -6.0] {
        let music = stereo(48_000, 16.0, sine(600.0, dbfs));
        let spec = MixSpec { music: Some(Music::new(music)), ..MixSpec::new(talk(), 16.0) };
        let track = mix(spec).unwrap();
        let alone = Track::new(48_000, 2, track.samples[11 * 96_000..13 * 96_000].to_vec()).unwrap();
        found.push(measure(&alone).unwrap().integrated_lufs);
    }
    let voice = measure(&mix(MixSpec::new(talk(), 16.0)).unwrap()).unwrap().integrated_lufs;
    for lufs in found {
        assert!((lufs - (voice - 9.0)).abs() < 0.1, "music at {lufs}, voice at {voice}");
    }
}

#[test]
fn music_without_a_voice_keeps_its_level() {
    let music = Music { fade_in: 0.0, fade_out: 0.0, ..Music::new(marked_music(3.0)) };
    let track = mix(MixSpec { music: Some(music.clone()), ..MixSpec::new(Vec::new(), 3.0) }).unwrap();
    assert_eq!(track, music.track);
}

#[test]
fn short_music_is_repeated_without_gap_or_click() {
    let mut noise = Noise(9);
    let once = stereo(48_000, 3.0, |_| 0.2 * f64::from(noise.next()));
    let level = rms_db(&once.samples);
    let music = Music { fade_in: 0.0, fade_out: 0.0, ..Music::new(once) };
    let track = mix(MixSpec { music: Some(music), ..MixSpec::new(Vec::new(), 13.37) }).unwrap();
    assert_eq!(track.frames(), 641_760);
    for (n, part) in track.samples.chunks_exact(9_600).enumerate() {
        assert!(
            (rms_db(part) - level).abs() < 0.6,
            "{:.2} dB at {:.1} s",
            rms_db(part) - level,
            n as f64 * 0.1
        );
    }
    // A tone that does not fit its length shows a click at the seam, if there is one.
    let tone = Music { fade_in: 0.0, fade_out: 0.0, ..Music::new(stereo(48_000, 2.345, sine(331.0, -6.0))) };
    let track = mix(MixSpec { music: Some(tone), ..MixSpec::new(Vec::new(), 9.0) }).unwrap();
    let step = left(&track).windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(step < 0.05, "a step of {step}");
}

#[test]
fn music_fades_at_both_ends() {
    let track =
        mix(MixSpec { music: Some(Music::new(marked_music(8.0))), ..MixSpec::new(Vec::new(), 8.0) }).unwrap();
    assert!(track.samples[0].abs() < 1e-4 && track.samples[track.samples.len() - 1].abs() < 1e-4);
    assert!(marker(&track, 0.125) < marker(&track, 1.0) - 3.0);
    assert!(marker(&track, 7.8) < marker(&track, 5.0) - 10.0);
}

#[test]
fn joins_do_not_click() {
    // Pieces of a tone that begin and end at its peaks, end to end: the worst of cuts.
    let piece = mono(24_000, 0.2, |t| 0.8 * (std::f64::consts::TAU * 200.0 * t).cos());
    let voice = (0..5).map(|n| (f64::from(n) * 0.2, piece.clone())).collect();
    let track = mix(MixSpec { high_pass_hz: None, ..MixSpec::new(voice, 1.0) }).unwrap();
    let step = left(&track).windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    // The tone itself moves by 0.021 a sample, the fades by 0.006.
    assert!(step < 0.03, "a step of {step}");
    assert!(track.samples[0].abs() < 0.001);
}

#[test]
fn the_voice_filter_takes_rumble_and_leaves_the_voice() {
    let hum = |hz: f64| mono(24_000, 2.0, move |t| 0.1 + 0.5 * (std::f64::consts::TAU * hz * t).sin());
    let level = |hz: f64| {
        let track = mix(MixSpec::new(vec![(0.0, hum(hz))], 2.0)).unwrap();
        let inside = &left(&track)[24_000..72_000];
        let mean = inside.iter().sum::<f32>() / inside.len() as f32;
        assert!(mean.abs() < 1e-4, "DC of {mean} is left");
        20.0 * (amplitude(inside, 48_000, hz) / 0.5).log10()
    };
    assert!(level(25.0) < -14.0);
    assert!((level(60.0) + 3.0).abs() < 0.2);
    assert!(level(85.0) > -1.0);
    assert!(level(160.0) > -0.3);
    assert!(level(1_000.0).abs() < 0.05);
}

#[test]
fn pauses_are_bridged_by_the_hold_time() {
    let track = mix(MixSpec::new(talk(), 16.0)).unwrap();
    let ends = |hold: f64| -> Vec<(f64, f64)> {
        let regions = speech_regions(&track.samples, 48_000, hold);
        regions.iter().map(|r| (r.start as f64 / 48_000.0, r.end as f64 / 48_000.0)).collect()
    };
    let near = |found: &[(f64, f64)], wanted: &[(f64, f64)]| {
        found.len() == wanted.len()
            && found.iter().zip(wanted).all(|(f, w)| (f.0 - w.0).abs() < 0.06 && (f.1 - w.1).abs() < 0.2)
    };
    assert!(near(&ends(0.5), &[(3.0, 6.0), (7.2, 9.0)]), "{:?}", ends(0.5));
    assert!(near(&ends(1.6), &[(3.0, 9.0)]), "{:?}", ends(1.6));
    assert!(speech_regions(&[0.0; 96_000], 48_000, 1.0).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn length_is_exact_and_clips_lie_in_place(
        duration in 0.6f64..3.0,
        at in 0.0f64..0.3,
        rate in prop::sample::select(vec![16_000u32, 22_050, 24_000, 44_100, 48_000]),
        with_music: bool,
    ) {
        // A click 0.1 s into a clip.
        let mut clip = mono(rate, 0.25, |_| 0.0);
        clip.samples[rate as usize / 10] = 0.9;
        let music = with_music.then(|| Music { level_lu: -40.0, ..Music::new(marked_music(1.0)) });
        let spec = MixSpec { music, ..MixSpec::new(vec![(at, clip)], duration) };
        let track = mix(spec).unwrap();
        prop_assert_eq!((track.rate, track.channels), (48_000, 2));
        prop_assert_eq!(track.frames(), (duration * 48_000.0).round() as usize);
        let peak = left(&track).iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).unwrap().0;
        prop_assert!((peak as f64 - (at + 0.1) * 48_000.0).abs() <= 1.5, "the click lies at {}", peak);
        prop_assert!(track.samples.chunks_exact(2).all(|f| f[0] == f[1]));
    }
}

#[test]
fn what_cannot_be_mixed_is_refused_by_name() {
    let refused = |spec: MixSpec, word: &str| {
        let error = mix(spec).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(word), "{error}");
    };
    for duration in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        refused(MixSpec::new(Vec::new(), duration), "duration");
    }
    refused(MixSpec::new(vec![(0.5, speech(1.0, 1))], 1.2), "does not fit");
    refused(MixSpec::new(vec![(-0.1, speech(0.5, 1))], 1.2), "does not fit");
    refused(MixSpec::new(vec![(f64::NAN, speech(0.5, 1))], 1.2), "does not fit");
    refused(MixSpec { high_pass_hz: Some(900.0), ..MixSpec::new(Vec::new(), 1.0) }, "high_pass_hz");
    let with = |music: Music| MixSpec { music: Some(music), ..MixSpec::new(Vec::new(), 4.0) };
    refused(with(Music::new(Track::silence(96_000))), "silent");
    refused(with(Music::new(marked_music(0.3))), "too short");
    refused(with(Music { level_lu: 30.0, ..Music::new(marked_music(2.0)) }), "level_lu");
    let ducking = Ducking { attack: 0.0, ..Ducking::default() };
    refused(with(Music { ducking, ..Music::new(marked_music(2.0)) }), "attack");
    let broken = Track { rate: 48_000, channels: 2, samples: vec![0.0, f32::NAN] };
    refused(MixSpec::new(vec![(0.0, broken)], 1.0), "finite");
}
