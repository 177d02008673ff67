//! What passes between the service and the process of its engine: MessagePack, each message after its length as 32 bits
//! of little end.

use reelsmith_inference_core::chat::{ChatRequest, ChatResponse};
use reelsmith_inference_core::cloning::{CloneRequest, ClonedSpeechRequest, VoiceProfile};
use reelsmith_inference_core::embed::{EmbedRequest, Embedding, RerankRequest, Reranked};
use reelsmith_inference_core::image::{Generated, Image, ImageRequest, UpscaleRequest};
use reelsmith_inference_core::speech::{SpeakRequest, Speech, Voice};
use reelsmith_inference_core::transcribe::{TranscribeOptions, Transcript};
use reelsmith_inference_core::{ErrorKind, Footprint, InferenceError, ModelId, Progress};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::sync::{Mutex, PoisonError};

/// The longest message: a batch of the largest pictures is a fraction of it.
const MOST_BYTES: u32 = 2_000_000_000;
/// Names of units that are kept at most; engines have a dozen.
const MOST_UNITS: usize = 64;

/// From the service.
#[derive(Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a message is sent and dropped, none are kept")]
pub(super) enum Down<'a> {
    Call(Cow<'a, Call<'a>>),
    /// Whether to go on after a step.
    GoOn(bool),
    /// Samples read, or what was wrong with the sound.
    Sound(Result<Vec<f32>, String>),
    /// Whether the sound could be rewound, and how many seconds it has.
    Rewound(Result<Option<f64>, String>),
}

/// What is to be done.
#[derive(Clone, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a message is sent and dropped, none are kept")]
pub(super) enum Call<'a> {
    ModelFootprint(Cow<'a, ModelId>),
    Load(Cow<'a, ModelId>),
    Unload(u32),
    /// Something of a loaded model.
    Ask(u32, Ask<'a>),
}

/// What is asked of a loaded model.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Ask<'a> {
    /// What a request will need.
    Footprint(Cow<'a, Request>),
    /// To carry out a request; with pieces of sound handed out on the way, if so.
    Perform(Cow<'a, Request>, bool),
    Voices,
    Profiles,
    RemoveProfile(Cow<'a, str>),
}

/// A request of any capability. Of one to transcribe, the sound is asked for as it is listened to.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Request {
    Speak(SpeakRequest),
    SpeakAs(ClonedSpeechRequest),
    CloneVoice(CloneRequest),
    Transcribe(TranscribeOptions),
    Generate(ImageRequest),
    Upscale(UpscaleRequest),
    Embed(EmbedRequest),
    Rerank(RerankRequest),
    Chat(ChatRequest),
}

/// To the service.
#[derive(Serialize, Deserialize)]
pub(super) enum Up {
    /// The first message.
    Ready,
    /// A step; how to go on is waited for.
    Step {
        done: u64,
        total: Option<u64>,
        unit: String,
    },
    Preview(Image),
    Text(String),
    Samples(Vec<f32>),
    /// More sound is wanted: so many samples at most.
    Read(u64),
    /// The sound is wanted from its beginning.
    Rewind,
    /// The end of a call.
    Done(Result<Answer, Failed>),
}

/// What a call comes to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Nothing,
    Footprint(Footprint),
    Loaded(u32, About),
    Speech(Speech),
    Voices(Vec<Voice>),
    Profile(VoiceProfile),
    Profiles(Vec<VoiceProfile>),
    Transcript(Transcript),
    Generated(Generated),
    Image(Image),
    Embeddings(Vec<Embedding>),
    Reranked(Reranked),
    Chat(ChatResponse),
}

impl Answer {
    /// The error of an answer to something else.
    pub(super) fn misplaced(&self) -> InferenceError {
        let message = "the engine's process answered something else than was asked; this is a defect";
        InferenceError::new(ErrorKind::Engine, message)
    }
}

/// What is known of a loaded model for as long as it is loaded.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum About {
    Speak { clones: bool },
    Transcribe { languages: Vec<String> },
    TextToImage,
    Upscale { factor: u32 },
    Embed { width: usize, most_tokens: usize },
    Rerank,
    Chat { context_length: Option<u32> },
}

/// How a call failed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Failed {
    Error {
        kind: ErrorKind,
        message: String,
        /// Of the errors underneath, the outermost first.
        causes: Vec<String>,
    },
    /// It panicked; the model is gone.
    Panic(String),
}

/// The error underneath one of another process: its words are what came over.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Cause {
    message: String,
    source: Option<Box<Cause>>,
}

impl From<&InferenceError> for Failed {
    fn from(error: &InferenceError) -> Self {
        let first = std::error::Error::source(error);
        let causes = std::iter::successors(first, |cause| cause.source()).map(ToString::to_string).collect();
        Self::Error { kind: error.kind(), message: error.to_string(), causes }
    }
}

impl Failed {
    /// The error again. What panicked there panics here: whoever calls an engine is ready for it.
    pub(super) fn raise(self) -> InferenceError {
        match self {
            Self::Panic(message) => std::panic::resume_unwind(Box::new(message)),
            Self::Error { kind, message, causes } => {
                let source = causes
                    .into_iter()
                    .rev()
                    .fold(None, |source, message| Some(Box::new(Cause { message, source })));
                let error = InferenceError::new(kind, message);
                match source {
                    Some(source) => error.with_source(*source),
                    None => error,
                }
            }
        }
    }
}

/// Writes a message.
///
/// # Errors
/// Those of the stream; `InvalidData` for one that is too long.
pub(super) fn send(mut stream: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    // With the names of fields: some are left out where they hold nothing.
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
    message.serialize(&mut serializer).map_err(invalid)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|length| *length <= MOST_BYTES);
    let length = length.ok_or_else(|| invalid(format!("a message of {} bytes is too long", bytes.len())))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    stream.write_all(&bytes)
}

/// Reads a message.
///
/// # Errors
/// Those of the stream, `UnexpectedEof` at its end; `InvalidData` for what is no message.
pub(super) fn receive<T: DeserializeOwned>(mut stream: impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > MOST_BYTES {
        return Err(invalid(format!("a message of {length} bytes is too long")));
    }
    let mut bytes = Vec::new();
    // Grows with what comes, not with what is claimed.
    stream.take(u64::from(length)).read_to_end(&mut bytes)?;
    if bytes.len() < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    rmp_serde::from_slice(&bytes).map_err(invalid)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// A progress that came over, with its unit as a name of this process.
pub(super) fn progress(done: u64, total: Option<u64>, unit: &str) -> Progress {
    static UNITS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut units = UNITS.lock().unwrap_or_else(PoisonError::into_inner);
    let unit = match units.get(unit) {
        Some(known) => known,
        None if units.len() == MOST_UNITS => "steps",
        None => {
            let name: &'static str = Box::leak(unit.to_owned().into_boxed_str());
            units.insert(name);
            name
        }
    };
    Progress { done, total, unit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reelsmith_inference_core::transcribe::Segment;

    fn there_and_back<T: DeserializeOwned>(message: &impl Serialize) -> T {
        let mut bytes = Vec::new();
        send(&mut bytes, message).unwrap();
        receive(bytes.as_slice()).unwrap()
    }

    #[test]
    fn what_leaves_fields_out_comes_over_whole() {
        let segment = Segment {
            start: 0.1,
            end: 0.2,
            text: " ä".into(),
            tokens: vec![1, 70_000],
            temperature: 0.0,
            log_probability: f32::NEG_INFINITY,
            compression_ratio: 1.0,
            no_speech: 0.5,
            words: None,
        };
        let transcript = Transcript { segments: vec![segment], ..Transcript::default() };
        let sent = Up::Done(Ok(Answer::Transcript(transcript.clone())));
        let Up::Done(Ok(Answer::Transcript(came))) = there_and_back(&sent) else { panic!("another message") };
        assert_eq!(came, transcript);
    }

    #[test]
    fn an_error_comes_over_with_its_kind_and_its_causes() {
        let inner = Cause { message: "the disk".into(), source: None };
        let outer = Cause { message: "the file".into(), source: Some(Box::new(inner)) };
        let error = InferenceError::new(ErrorKind::ModelCorrupt, "unreadable").with_source(outer);
        let sent = Up::Done(Err(Failed::from(&error)));
        let Up::Done(Err(failed)) = there_and_back(&sent) else { panic!("another message") };
        let came = failed.raise();
        let source = std::error::Error::source(&came).unwrap();
        assert_eq!((came.kind(), came.to_string()), (ErrorKind::ModelCorrupt, "unreadable".into()));
        assert_eq!(source.to_string(), "the file");
        assert_eq!(source.source().unwrap().to_string(), "the disk");
    }

    #[test]
    fn what_is_no_message_is_an_error_and_takes_no_memory() {
        let claims = [&u32::MAX.to_le_bytes()[..], &[1, 2, 3]].concat();
        assert_eq!(receive::<Up>(claims.as_slice()).err().unwrap().kind(), io::ErrorKind::InvalidData);
        let cut = [&1_900_000_000u32.to_le_bytes()[..], &[1, 2, 3]].concat();
        assert_eq!(receive::<Up>(cut.as_slice()).err().unwrap().kind(), io::ErrorKind::UnexpectedEof);
        let garbage = [&3u32.to_le_bytes()[..], &[0xc1, 0xc1, 0xc1]].concat();
        assert_eq!(receive::<Up>(garbage.as_slice()).err().unwrap().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn units_are_names_of_this_process_and_bounded() {
        assert_eq!(progress(1, None, "sentences").unit, "sentences");
        let names: Vec<&str> = (0..200).map(|n| progress(1, None, &format!("made up {n}")).unit).collect();
        assert_eq!(names.last(), Some(&"steps"));
        assert_eq!(progress(1, None, "sentences").unit, "sentences", "what was known stays");
    }
}
