//! What a platform wants, as data: the files of `presets/` and of a user's own directory.
//!
//! Adding a platform is adding a file. Every section carries the date as of which its rules are stated
//! and where they stand. `docs/presets.md` is the reference.

mod load;

pub use load::Presets;
pub(crate) use load::encoder_speed;

use serde::{Deserialize, Serialize};

/// The rules of one platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Name used in commands; the file's own name without `.toml`.
    pub name: String,
    /// Name shown to people.
    pub title: String,
    /// Raised when a rule changes.
    pub version: u32,
    /// Frames and their encoding.
    pub video: VideoRules,
    /// Sound and its loudness.
    pub audio: AudioRules,
    /// How long a video may be.
    pub duration: DurationRules,
    /// Where captions may stand.
    pub captions: CaptionRules,
    /// The cover picture.
    pub cover: CoverRules,
    /// The finished file.
    pub file: FileRules,
    /// How it looks where the script sets nothing.
    pub style: StyleRules,
}

/// As of when a rule is stated, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Day as of which the rule is stated, `YYYY-MM-DD`.
    pub as_of: String,
    /// Where it stands: an address, or `house` for a choice of our own with its reason in `note`.
    pub source: String,
    /// What the source says beyond the numbers, or why we chose them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Frames and their encoding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoRules {
    /// Pixels; even, 2 to 7680.
    pub width: u32,
    /// Pixels; even, 2 to 7680.
    pub height: u32,
    /// Frames a second; 1 to 120.
    pub fps: u32,
    /// Encoding of the frames.
    pub codec: VideoCodec,
    /// Average bits a second; 100,000 to 200,000,000.
    pub bitrate_bps: u64,
    /// Speed of x264, from `ultrafast` to `veryslow`.
    pub encoder_speed: String,
    /// Length of a crossfade between scenes, in seconds; 0 to 2.
    pub crossfade_s: f64,
    /// As of when the rules are stated, and where.
    pub rule: Provenance,
}

/// Encodings of frames that a preset may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// H.264 High, 8 bit, 4:2:0, BT.709.
    H264,
}

/// Encodings of sound that a preset may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// AAC-LC.
    Aac,
}

/// Sound and its loudness, measured on the decoded file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioRules {
    /// Encoding of the sound.
    pub codec: AudioCodec,
    /// Bits a second; 64,000 to 320,000.
    pub bitrate_bps: u32,
    /// Samples a second; 48,000.
    pub sample_rate: u32,
    /// Channels; 2.
    pub channels: u16,
    /// Integrated loudness (ITU-R BS.1770), in LUFS; -40 to -5.
    pub lufs: f64,
    /// Greatest distance from `lufs`, in LU; 0.05 to 2.
    pub tolerance_lu: f64,
    /// Highest true peak, in dBTP; -9 to 0.
    pub true_peak_dbtp: f64,
    /// As of when the rules are stated, and where.
    pub rule: Provenance,
}

/// How long a video may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DurationRules {
    /// Longest video unless the job asks for more, in seconds.
    pub default_max_s: f64,
    /// Longest video that the platform takes, in seconds; never below `default_max_s`.
    pub platform_max_s: f64,
    /// As of when the rules are stated, and where.
    pub rule: Provenance,
}

/// Where captions may stand, as fractions of the frame that the platform's own buttons cover.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptionRules {
    /// Kept free at the left; 0 to 0.4 like the others.
    pub left: f32,
    /// Kept free at the top.
    pub top: f32,
    /// Kept free at the right.
    pub right: f32,
    /// Kept free at the bottom.
    pub bottom: f32,
    /// As of when the rules are stated, and where.
    pub rule: Provenance,
}

/// The cover picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverRules {
    /// Pixels; even, 64 to 4096.
    pub width: u32,
    /// Pixels; even, 64 to 4096.
    pub height: u32,
    /// The file must be smaller than this.
    pub max_bytes: u64,
    /// As of when the rules are stated, and where.
    pub rule: Provenance,
}

/// The finished file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRules {
    /// The file must be smaller than this.
    pub max_bytes: u64,
    /// As of when the rules are stated, and where.
    pub rule: Provenance,
}

/// How a video looks where the script sets nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleRules {
    /// Palette of cards, captions and thumbnail.
    pub palette: String,
    /// Music under the voice where the script names none: a mood, or `none`.
    pub music: String,
    /// As of when the rules are stated, and where.
    pub rule: Provenance,
}
