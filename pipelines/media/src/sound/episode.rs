//! The mix of an episode: voices at one level, with music before, under and after them, recorded on a tape.
//!
//! Only what sounds in the few seconds being mixed is in memory, so an episode may last for hours.

use super::bed::Again;
use super::loudness::{Meter, Reads};
use super::mix::{HIGH_PASS_HZ, LOOP_CROSSFADE, MIN_MUSIC, prepared};
use super::{Ducking, MIX_RATE, Tape, Track, db_to_amplitude, equal_power, in_range, invalid, loudness};
use crate::ease::smoothstep;
use crate::{MediaError, OnProgress, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The longest episode, in seconds: its mix takes 2.8 GB of the disk.
pub const MAX_SECONDS: f64 = 2.0 * 3600.0;
/// Loudness of every voice in the mix, in LUFS: room for peaks and music above, before mastering.
const VOICE_LUFS: f64 = -23.0;
/// How far a voice is moved for that, in dB: more would raise noise.
const MOST_GAIN_DB: f64 = 24.0;
/// Frames that are mixed at once.
const BLOCK: usize = 10 * MIX_RATE as usize;

/// A recording of a voice and where it is heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// A WAV file.
    pub file: PathBuf,
    /// Whose voice: all of one voice get one gain.
    pub voice: usize,
    /// Start in the episode, in seconds.
    pub at: f64,
    /// What of the recording is heard: from, in seconds.
    pub from: f64,
    /// What of the recording is heard: to, in seconds.
    pub to: f64,
}

/// Music for a stretch of the episode.
#[derive(Debug, Clone)]
pub struct MusicCue {
    /// At least a second; repeated with a crossfade where it is shorter than the stretch.
    pub track: Track,
    /// How it goes on where it is shorter, other than from its beginning.
    pub again: Option<Again>,
    /// Start in the episode, in seconds.
    pub start: f64,
    /// Length of the stretch, in seconds.
    pub seconds: f64,
    /// Loudness while nobody speaks, relative to the voices, in LU; -40 to 10.
    pub level_lu: f64,
    /// How far it yields while somebody speaks.
    pub ducking: Ducking,
    /// Fade at the start, in seconds; 0 to 60, at most half of the stretch.
    pub fade_in: f64,
    /// Fade at the end, in seconds; the same.
    pub fade_out: f64,
}

/// What is heard when.
#[derive(Debug, Clone)]
pub struct EpisodeSpec {
    /// The voices, in the order of their starts.
    pub clips: Vec<Clip>,
    /// When somebody speaks, in seconds and in order.
    pub speech: Vec<(f64, f64)>,
    /// The music.
    pub music: Vec<MusicCue>,
    /// Length in seconds; above 0 and at most [`MAX_SECONDS`].
    pub seconds: f64,
}

/// Mixes an episode on a tape at `path`.
///
/// # Errors
/// `InvalidInput` for values out of their stated ranges, clips that are not in order, or music that is silent or too
/// short; `Limit` if it is too long; `DiskFull`, `Io` or `Cancelled`.
pub fn record(spec: EpisodeSpec, path: &Path, progress: OnProgress) -> Result<Tape> {
    if !(spec.seconds > 0.0 && spec.seconds <= MAX_SECONDS) {
        let message = format!("an episode of {:.0} s: at most {MAX_SECONDS:.0} s can be mixed", spec.seconds);
        return Err(MediaError::new(crate::ErrorKind::Limit, message));
    }
    if spec.clips.windows(2).any(|pair| pair[1].at < pair[0].at) {
        return Err(invalid("the voices of an episode are not in the order of their starts"));
    }
    let frames = frame(spec.seconds).max(1);
    let gains = level(&spec.clips, progress)?;
    let music = spec.music.into_iter().map(|cue| Laid::of(cue, &spec.speech)).collect::<Result<Vec<_>>>()?;
    let mut tape = Tape::create(path)?;
    let mut voices = Voices { clips: &spec.clips, gains, open: Vec::new(), next: 0 };
    for start in (0..frames).step_by(BLOCK) {
        go_on(progress, frames as u64 + start as u64, 2 * frames as u64)?;
        let mut block = vec![0.0; BLOCK.min(frames - start) * 2];
        voices.add(start, &mut block)?;
        music.iter().for_each(|cue| cue.add(start, &mut block));
        tape.append(&block)?;
    }
    Ok(tape)
}

fn frame(seconds: f64) -> usize {
    (seconds * f64::from(MIX_RATE)).round() as usize
}

fn go_on(progress: OnProgress, done: u64, total: u64) -> Result<()> {
    match progress(done, total).is_break() {
        true => Err(MediaError::cancelled()),
        false => Ok(()),
    }
}

/// What is heard of a clip, at its own rate.
fn heard(clip: &Clip) -> Result<Track> {
    let mut track = Track::read_wav(&clip.file)?;
    let at = |seconds: f64| ((seconds * f64::from(track.rate)).round().max(0.0) as usize).min(track.frames());
    let (from, to, channels) = (at(clip.from), at(clip.to), usize::from(track.channels));
    track.samples.truncate(to * channels);
    track.samples.drain(..from.min(to) * channels);
    Ok(track)
}

/// The gain of each voice that brings all it says to [`VOICE_LUFS`]. What one says aloud and what softly keeps its
/// distance.
fn level(clips: &[Clip], progress: OnProgress) -> Result<BTreeMap<usize, f32>> {
    let mut meters: BTreeMap<usize, (u32, Meter)> = BTreeMap::new();
    for (n, clip) in clips.iter().enumerate() {
        go_on(progress, n as u64, 2 * clips.len() as u64)?;
        let track = heard(clip)?.into_stereo();
        let (rate, meter) = match meters.remove(&clip.voice) {
            Some(known) => known,
            None => (track.rate, Meter::new(track.rate, 2, Reads::Integrated)?),
        };
        let track = if track.rate == rate { track } else { track.resampled(rate)? };
        let mut meter = meter;
        meter.add(&track.samples)?;
        meters.insert(clip.voice, (rate, meter));
    }
    let gain = |(voice, (_, meter)): (usize, (u32, Meter))| {
        let measured = meter.integrated()?;
        // Less than the four tenths of a second that a loudness takes: such a voice stays as it is.
        let db = if measured.is_finite() { VOICE_LUFS - measured } else { 0.0 };
        Ok((voice, db_to_amplitude(db.clamp(-MOST_GAIN_DB, MOST_GAIN_DB)) as f32))
    };
    meters.into_iter().map(gain).collect()
}

/// The voices, of which those are open that sound in the block being mixed.
struct Voices<'a> {
    clips: &'a [Clip],
    gains: BTreeMap<usize, f32>,
    open: Vec<(usize, Track)>,
    next: usize,
}

impl Voices<'_> {
    /// Adds to the block that begins at frame `start`; blocks come in order.
    fn add(&mut self, start: usize, block: &mut [f32]) -> Result<()> {
        let end = start + block.len() / 2;
        while let Some(clip) = self.clips.get(self.next).filter(|clip| frame(clip.at) < end) {
            let mut track = prepared(heard(clip)?, usize::MAX, Some(HIGH_PASS_HZ))?;
            let gain = self.gains.get(&clip.voice).copied().unwrap_or(1.0);
            track.samples.iter_mut().for_each(|sample| *sample *= gain);
            self.open.push((frame(clip.at), track));
            self.next += 1;
        }
        for (at, track) in &self.open {
            let (into, from) = (at.saturating_sub(start), start.saturating_sub(*at));
            let out = block.iter_mut().skip(into * 2);
            out.zip(track.samples.iter().skip(from * 2)).for_each(|(out, sample)| *out += sample);
        }
        self.open.retain(|(at, track)| at + track.frames() > end);
        Ok(())
    }
}

/// Music at its level and place.
struct Laid {
    /// Stereo at [`MIX_RATE`].
    samples: Vec<f32>,
    again: Option<Again>,
    /// Frames over which a repetition fades into the next.
    overlap: usize,
    frames: Range<usize>,
    fade_in: usize,
    fade_out: usize,
    ducking: Ducking,
    speech: Vec<Range<usize>>,
}

impl Laid {
    fn of(cue: MusicCue, speech: &[(f64, f64)]) -> Result<Self> {
        cue.track.check()?;
        in_range("music level_lu", cue.level_lu, -40.0..=10.0)?;
        in_range("music fade_in", cue.fade_in, 0.0..=60.0)?;
        in_range("music fade_out", cue.fade_out, 0.0..=60.0)?;
        cue.ducking.check()?;
        if cue.track.seconds() < MIN_MUSIC || !(cue.start >= 0.0 && cue.seconds > 0.0) {
            return Err(invalid(format!(
                "music of {:.2} s for {:.2} s from {:.2} s on: it takes {MIN_MUSIC} s of music, and a time to play it",
                cue.track.seconds(),
                cue.seconds,
                cue.start
            )));
        }
        let mut track = cue.track.resampled(MIX_RATE)?.into_stereo();
        let frames = frame(cue.start)..frame(cue.start + cue.seconds);
        let own = own_loudness(&track, frames.len())?;
        let gain = db_to_amplitude(VOICE_LUFS + cue.level_lu - own) as f32;
        track.samples.iter_mut().for_each(|sample| *sample *= gain);
        let fade = |seconds: f64| frame(seconds).min(frames.len() / 2);
        // Music that is long enough as it is ends as it ends.
        let overlap = match track.frames() >= frames.len() {
            true => 0,
            false => frame(LOOP_CROSSFADE).min(track.frames() / 4),
        };
        Ok(Self {
            overlap,
            fade_in: fade(cue.fade_in),
            fade_out: fade(cue.fade_out),
            speech: joined(speech, cue.ducking.hold),
            samples: track.samples,
            again: cue.again,
            ducking: cue.ducking,
            frames,
        })
    }

    /// Adds to the block that begins at frame `start`.
    fn add(&self, start: usize, block: &mut [f32]) {
        let from = self.frames.start.max(start);
        let to = self.frames.end.min(start + block.len() / 2);
        if from >= to {
            return;
        }
        let mut part: Vec<f32> = (from..to).flat_map(|n| self.sample(n - self.frames.start)).collect();
        self.ducking.apply(&mut part, from, &self.speech, MIX_RATE);
        block[(from - start) * 2..].iter_mut().zip(&part).for_each(|(out, sample)| *out += sample);
    }

    /// Frame `n` of the stretch, repeated and faded.
    fn sample(&self, n: usize) -> [f32; 2] {
        let frame = match &self.again {
            // Bars begin on whole frames, so the last few may be missing.
            Some(again) => again.frame(n, |at| self.own(at.min(self.samples.len() / 2 - 1))),
            None => self.repeated(n),
        };
        let left = self.frames.len() - 1 - n.min(self.frames.len() - 1);
        let ramp = |n: usize, length: usize| match n < length {
            true => smoothstep((n as f64 + 0.5) / length as f64) as f32,
            false => 1.0,
        };
        let gain = ramp(n, self.fade_in) * ramp(left, self.fade_out);
        frame.map(|sample| sample * gain)
    }

    /// Frame `n` of the whole track again and again.
    fn repeated(&self, n: usize) -> [f32; 2] {
        let period = self.samples.len() / 2 - self.overlap;
        let (round, at) = (n / period, n % period);
        let frame = self.own(at);
        if round == 0 || at >= self.overlap {
            return frame;
        }
        let ((rising, falling), before) = (equal_power(at, self.overlap), self.own(period + at));
        [0, 1].map(|side| frame[side] * rising + before[side] * falling)
    }

    fn own(&self, at: usize) -> [f32; 2] {
        [self.samples[at * 2], self.samples[at * 2 + 1]]
    }
}

/// Loudness of what is heard of a track in so many frames, or of all of it where that is silent.
fn own_loudness(track: &Track, frames: usize) -> Result<f64> {
    let heard = &track.samples[..frames.min(track.frames()) * 2];
    let mut meter = Meter::new(MIX_RATE, 2, Reads::Integrated)?;
    meter.add(heard)?;
    let own = match meter.integrated()? {
        own if own.is_finite() => own,
        _ => loudness::integrated(track)?,
    };
    match own.is_finite() {
        true => Ok(own),
        false => Err(invalid("the music is silent: give another file, or none")),
    }
}

/// Stretches of speech in frames; pauses of up to `hold` seconds belong to the speech around them.
fn joined(speech: &[(f64, f64)], hold: f64) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for &(start, end) in speech {
        let (start, end) = (frame(start), frame(end));
        match joined.last_mut() {
            Some(last) if start <= last.end + frame(hold) => last.end = last.end.max(end),
            _ => joined.push(start..end.max(start)),
        }
    }
    joined
}
