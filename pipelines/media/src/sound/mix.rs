//! The mix: voice clips at their times over ducked music, in stereo at 48 kHz.

use super::biquad::Biquad;
use super::duck::{Ducking, speech_regions};
use super::loudness::{Meter, Reads};
use super::{MIX_RATE, Track, crossfade, db_to_amplitude, in_range, invalid, loudness};
use crate::Result;
use crate::ease::smoothstep;
use crate::ffmpeg::Ffmpeg;
use std::path::Path;

/// The longest mix, in seconds: 20 minutes take 460 MB.
pub const MAX_SECONDS: f64 = 1200.0;

/// Where voices are cut below unless said otherwise, in Hz.
pub const HIGH_PASS_HZ: f64 = 60.0;

/// Fade at both ends of every voice clip, in seconds: long enough that no cut clicks, too short to
/// be heard or to swallow a consonant.
const CLIP_FADE: f64 = 0.004;

/// A voice clip may outlast the mix by this much (rounding to video frames); more would lose words.
const OVERHANG: f64 = 0.05;

/// The longest crossfade where music is repeated, in seconds.
pub(super) const LOOP_CROSSFADE: f64 = 2.0;

/// The shortest music that is repeated, in seconds.
pub(super) const MIN_MUSIC: f64 = 1.0;

/// Decodes the first `seconds` of a file piece by piece and says why they cannot be music, if so.
///
/// # Errors
/// `InvalidInput` if the file is absent, ends within a second, is silent or holds what is no sound; `ToolFailed` with
/// ffmpeg's own words if it cannot be decoded; `ToolMissing`.
pub fn check_music(ffmpeg: &Ffmpeg, path: &Path, seconds: f64) -> Result<()> {
    let mut meter = Meter::new(MIX_RATE, 2, Reads::Integrated)?;
    let mut frames = 0;
    ffmpeg.decode_pieces(path, (MIX_RATE, 2), (Some(seconds), u64::MAX), &mut |piece| {
        if piece.iter().any(|sample| !sample.is_finite()) {
            return Err(invalid("it holds what is no sound"));
        }
        frames += piece.len() / 2;
        meter.add(piece)
    })?;
    let found = frames as f64 / f64::from(MIX_RATE);
    match meter.integrated()?.is_finite() {
        _ if found < MIN_MUSIC => Err(invalid(format!("it lasts {found:.2} s; {MIN_MUSIC} s are needed"))),
        true => Ok(()),
        false => Err(invalid(format!("its first {found:.0} s are silent; give another file, or none"))),
    }
}

/// What is heard when.
#[derive(Debug, Clone)]
pub struct MixSpec {
    /// Voice clips and the second at which each starts. Clips may overlap; they add up.
    pub voice: Vec<(f64, Track)>,
    /// Music under the voice.
    pub music: Option<Music>,
    /// Length of the mix in seconds, above 0 and at most [`MAX_SECONDS`].
    pub duration: f64,
    /// Voices are cut below this frequency in Hz (12 dB an octave); 20 to 200, or none. Default [`HIGH_PASS_HZ`]:
    /// it takes the DC offset of Kokoro's voices (0.0004) and what lies below 40 Hz (-26 dB of a deep
    /// voice's energy, -42 dB of others), and leaves the lowest fundamentals (85 Hz) within 1 dB.
    pub high_pass_hz: Option<f64>,
}

/// Music and how it sits under the voice.
#[derive(Debug, Clone)]
pub struct Music {
    /// Repeated with a crossfade, or cut, to the length of the mix.
    pub track: Track,
    /// Loudness when nobody speaks, relative to the voice, in LU; -40 to 10. Default -9. Without
    /// any voice the music keeps its own loudness.
    pub level_lu: f64,
    /// How far it yields while someone speaks.
    pub ducking: Ducking,
    /// Fade at the start, in seconds; 0 to 60. Default 0.4.
    pub fade_in: f64,
    /// Fade at the end, in seconds; 0 to 60. Default 1.8.
    pub fade_out: f64,
}

impl MixSpec {
    /// Voice clips for `duration` seconds, with no music and the default voice filter.
    pub fn new(voice: Vec<(f64, Track)>, duration: f64) -> Self {
        Self { voice, music: None, duration, high_pass_hz: Some(HIGH_PASS_HZ) }
    }
}

impl Music {
    /// `track` with the default levels.
    pub fn new(track: Track) -> Self {
        Self { track, level_lu: -9.0, ducking: Ducking::default(), fade_in: 0.4, fade_out: 1.8 }
    }

    fn check(&self) -> Result<()> {
        self.track.check()?;
        in_range("music level_lu", self.level_lu, -40.0..=10.0)?;
        in_range("music fade_in", self.fade_in, 0.0..=60.0)?;
        in_range("music fade_out", self.fade_out, 0.0..=60.0)?;
        self.ducking.check()
    }
}

/// Mixes to stereo at 48 kHz, `round(duration * 48000)` frames. Levels are relative: nothing is
/// limited and the result may exceed 1.0; [`super::master_to_aac`] sets the loudness.
///
/// # Errors
/// `InvalidInput` for values out of their stated ranges, a clip that starts before 0 or outlasts
/// the mix, or music that is silent or shorter than a second.
pub fn mix(spec: MixSpec) -> Result<Track> {
    if !(spec.duration > 0.0 && spec.duration <= MAX_SECONDS) {
        return Err(invalid(format!(
            "a mix of {} s cannot be made: the duration must be above 0 and at most {MAX_SECONDS} s",
            spec.duration
        )));
    }
    if let Some(hz) = spec.high_pass_hz {
        in_range("voice high_pass_hz", hz, 20.0..=200.0)?;
    }
    if let Some(music) = &spec.music {
        music.check()?;
    }
    let mut voice = Track::silence(((spec.duration * f64::from(MIX_RATE)).round() as usize).max(1));
    for (at, clip) in spec.voice {
        lay(&mut voice, at, clip, spec.high_pass_hz)?;
    }
    match spec.music {
        None => Ok(voice),
        Some(music) => under_voice(voice, music),
    }
}

/// Adds `clip` to `bus` from second `at` on, its ends faded.
fn lay(bus: &mut Track, at: f64, clip: Track, high_pass_hz: Option<f64>) -> Result<()> {
    let end = at + clip.seconds();
    if !(at >= 0.0 && end <= bus.seconds() + OVERHANG) {
        return Err(invalid(format!(
            "a voice clip from {at:.3} s to {end:.3} s does not fit into a mix of {:.3} s",
            bus.seconds()
        )));
    }
    let start = (at * f64::from(MIX_RATE)).round() as usize;
    let clip = prepared(clip, bus.frames().saturating_sub(start), high_pass_hz)?;
    let under = bus.samples.iter_mut().skip(start * 2);
    under.zip(&clip.samples).for_each(|(out, s)| *out += s);
    Ok(())
}

/// A voice clip as it is laid: in stereo at 48 kHz, of at most `room` frames, filtered, its ends faded.
pub(super) fn prepared(clip: Track, room: usize, high_pass_hz: Option<f64>) -> Result<Track> {
    let mut clip = clip.resampled(MIX_RATE)?.into_stereo();
    if let Some(hz) = high_pass_hz {
        high_pass(&mut clip, hz);
    }
    clip.samples.truncate(room.saturating_mul(2));
    fade(&mut clip.samples, CLIP_FADE, CLIP_FADE);
    Ok(clip)
}

fn high_pass(clip: &mut Track, hz: f64) {
    let mut filters = [Biquad::high_pass(hz, clip.rate), Biquad::high_pass(hz, clip.rate)];
    for frame in clip.samples.chunks_exact_mut(2) {
        frame[0] = filters[0].run(frame[0]);
        frame[1] = filters[1].run(frame[1]);
    }
}

fn under_voice(mut voice: Track, music: Music) -> Result<Track> {
    let mut track = fitted(music.track, voice.frames())?;
    let own = loudness::integrated(&track)?;
    if !own.is_finite() {
        return Err(invalid("the music is silent: give another file, or none"));
    }
    let spoken = loudness::integrated(&voice)?;
    if spoken.is_finite() {
        let gain = db_to_amplitude(spoken + music.level_lu - own) as f32;
        track.samples.iter_mut().for_each(|s| *s *= gain);
    }
    let speech = speech_regions(&voice.samples, MIX_RATE, music.ducking.hold);
    music.ducking.apply(&mut track.samples, 0, &speech, MIX_RATE);
    fade(&mut track.samples, music.fade_in, music.fade_out);
    voice.samples.iter_mut().zip(&track.samples).for_each(|(v, m)| *v += m);
    Ok(voice)
}

/// Music as stereo at 48 kHz in exactly `frames` frames: cut, or repeated with a crossfade.
fn fitted(music: Track, frames: usize) -> Result<Track> {
    if music.seconds() < MIN_MUSIC {
        return Err(invalid(format!(
            "music of {:.2} s is too short: give at least {MIN_MUSIC} s",
            music.seconds()
        )));
    }
    let mut track = music.resampled(MIX_RATE)?.into_stereo();
    let length = track.frames();
    if length < frames {
        let overlap = ((LOOP_CROSSFADE * f64::from(MIX_RATE)) as usize).min(length / 4);
        let once = std::mem::take(&mut track.samples);
        track.samples.reserve_exact(frames * 2);
        track.samples.extend_from_slice(&once);
        while track.samples.len() < frames * 2 {
            repeat(&mut track.samples, &once, overlap, frames);
        }
    }
    track.samples.truncate(frames * 2);
    Ok(track)
}

/// Appends `once` to `out`, of which the last `overlap` frames fade into its first ones.
fn repeat(out: &mut Vec<f32>, once: &[f32], overlap: usize, frames: usize) {
    let seam = out.len() - overlap * 2;
    crossfade(&mut out[seam..], once);
    let room = frames * 2 - out.len().min(frames * 2);
    out.extend(once[overlap * 2..].iter().take(room));
}

/// Fades interleaved stereo at its ends over so many seconds, at most half of it each.
fn fade(samples: &mut [f32], fade_in: f64, fade_out: f64) {
    let frames = samples.len() / 2;
    let length = |seconds: f64| ((seconds * f64::from(MIX_RATE)) as usize).min(frames / 2);
    let ramp = |n: usize, length: usize| smoothstep((n as f64 + 0.5) / length as f64) as f32;
    for (n, frame) in samples.chunks_exact_mut(2).take(length(fade_in)).enumerate() {
        let gain = ramp(n, length(fade_in));
        frame.iter_mut().for_each(|s| *s *= gain);
    }
    for (n, frame) in samples.chunks_exact_mut(2).rev().take(length(fade_out)).enumerate() {
        let gain = ramp(n, length(fade_out));
        frame.iter_mut().for_each(|s| *s *= gain);
    }
}
