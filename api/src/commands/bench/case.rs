//! One thing measured: what is asked of a model, again and again.

use crate::cli::bench::{Images, Text, Voice};
use reelsmith_inference_core::chat::{ChatRequest, Sampling};
use reelsmith_inference_core::embed::EmbedRequest;
use reelsmith_inference_core::image::{Image, ImageRequest, UpscaleRequest};
use reelsmith_inference_core::speech::SpeakRequest;
use reelsmith_inference_core::transcribe::{SAMPLE_RATE, Sound, TranscribeOptions, TranscribeRequest};
use reelsmith_inference_core::{Control, ErrorKind, Footprint, InferenceError, Resident, Result};
use reelsmith_pipelines::images::request;
use std::sync::Arc;
use std::time::Instant;

/// What pictures show.
const PROMPT: &str = "a lighthouse on a cliff at dawn, long exposure, mist over the sea";

/// What is said and read, sentence by sentence, from the beginning as often as needed.
const SENTENCES: [&str; 4] = [
    "The harbor was quiet when the last boat came in.",
    "Two gulls stood on the wall and watched the nets being carried ashore.",
    "Somebody had left a lantern burning in the window of the old customs house.",
    "By morning the fog had gone, and the whole bay lay open to the sea.",
];

/// What is asked of a model that can do it.
#[derive(Debug, Clone)]
pub(super) enum Case {
    /// A picture of a size made, or one of that size enlarged four times.
    Picture { width: u32, height: u32, count: u32, steps: u32, guidance: f32 },
    /// So many sentences spoken.
    Speech { sentences: u32, voice: String },
    /// A sound of 16 kHz written down.
    Transcript { sound: Arc<Vec<f32>>, beams: u32 },
    /// A prompt of so many words answered by so many tokens.
    Answer { words: u32, tokens: u32 },
    /// So many texts embedded.
    Vectors { texts: u32 },
}

/// What one request gave.
pub(super) struct Given {
    /// How much, in the unit of the case.
    pub(super) amount: f64,
    /// Seconds until the first of it could be seen or heard, where it comes in pieces.
    pub(super) first: Option<f64>,
}

impl Case {
    /// Every size with every count.
    pub(super) fn of_images(args: &Images) -> Vec<Self> {
        let (steps, guidance) = (args.steps, args.guidance);
        let sizes = args.size.iter().flat_map(|size| args.count.iter().map(move |count| (size, *count)));
        sizes
            .map(|(size, count)| {
                let (width, height) = (size.width, size.height);
                Self::Picture { width, height, count, steps, guidance }
            })
            .collect()
    }

    /// Every length of text, and every width of the search in `sound`.
    pub(super) fn of_voice(args: &Voice, sound: &Arc<Vec<f32>>) -> Vec<Self> {
        let spoken = |sentences: &u32| Self::Speech { sentences: *sentences, voice: args.voice.clone() };
        let written = |beams: &u32| Self::Transcript { sound: Arc::clone(sound), beams: *beams };
        args.sentences.iter().map(spoken).chain(args.beams.iter().map(written)).collect()
    }

    /// Every length of prompt, and every number of texts.
    pub(super) fn of_text(args: &Text) -> Vec<Self> {
        let answered = |words: &u32| Self::Answer { words: *words, tokens: args.tokens };
        let read = |texts: &u32| Self::Vectors { texts: *texts };
        args.prompt.iter().map(answered).chain(args.texts.iter().map(read)).collect()
    }

    /// What it is, in few words.
    pub(super) fn label(&self, resident: &Resident) -> String {
        match self {
            Self::Picture { width, height, count, steps, .. } => match resident {
                Resident::TextToImage(_) => format!("{width}x{height} x{count}, {steps} steps"),
                _ => format!("{width}x{height}"),
            },
            Self::Speech { sentences, .. } => format!("{sentences} sentences"),
            Self::Transcript { sound, beams } => format!("{:.0} s, {beams} beams", seconds(sound)),
            Self::Answer { words, tokens } => format!("{words} words, {tokens} tokens"),
            Self::Vectors { texts } => format!("{texts} texts"),
        }
    }

    /// What its amount counts, and in how many seconds that is told.
    pub(super) fn unit(&self) -> (&'static str, f64) {
        match self {
            Self::Picture { .. } => ("pictures a minute", 60.0),
            Self::Speech { .. } | Self::Transcript { .. } => ("s of sound a second", 1.0),
            Self::Answer { .. } => ("tokens a second", 1.0),
            Self::Vectors { .. } => ("texts a second", 1.0),
        }
    }

    /// What is asked of a model; nothing where it is not what the model does. An upscaler enlarges one picture at a time.
    ///
    /// # Errors
    /// A size that no picture has.
    pub(super) fn request(&self, resident: &Resident) -> Result<Option<Request>> {
        Ok(Some(match (self, resident) {
            (Self::Picture { width, height, count, steps, guidance }, Resident::TextToImage(_)) => {
                let request = request(PROMPT, (*width, *height), 1);
                let (count, steps, guidance_scale) = (*count, *steps, *guidance);
                Request::Draw(ImageRequest { count, steps, guidance_scale, ..request })
            }
            (Self::Picture { width, height, count: 1, .. }, Resident::Upscale(_)) => {
                let (width, height, tile) = (4 * width, 4 * height, 0);
                let image = detailed(width / 4, height / 4)?;
                Request::Enlarge(UpscaleRequest { image, width, height, tile })
            }
            (Self::Speech { sentences, voice }, Resident::Speak(_)) => {
                Request::Speak(speech(*sentences, voice))
            }
            (Self::Transcript { sound, beams }, Resident::Transcribe(_)) => {
                let options = TranscribeOptions { beams: *beams, ..TranscribeOptions::default() };
                let (sound, seconds) = (Sound::samples(sound.to_vec()), seconds(sound));
                Request::Transcribe(TranscribeRequest { sound, options }, seconds)
            }
            (Self::Answer { words, tokens }, Resident::Chat(_)) => {
                let words = SENTENCES.iter().flat_map(|text| text.split(' ')).cycle().take(*words as usize);
                let prompt = words.collect::<Vec<_>>().join(" ");
                let sampling = Sampling::greedy();
                Request::Answer(ChatRequest {
                    sampling,
                    max_tokens: Some(*tokens),
                    ..ChatRequest::new(prompt)
                })
            }
            (Self::Vectors { texts }, Resident::Embed(_)) => {
                let text = |n: usize| format!("{n}: {}", SENTENCES[n % SENTENCES.len()]);
                Request::Read(EmbedRequest { texts: (0..*texts as usize).map(text).collect() })
            }
            _ => return Ok(None),
        }))
    }
}

/// A request of the kind that the model takes.
pub(super) enum Request {
    Draw(ImageRequest),
    Enlarge(UpscaleRequest),
    Speak(SpeakRequest),
    /// With the seconds of its sound.
    Transcribe(TranscribeRequest, f64),
    Answer(ChatRequest),
    Read(EmbedRequest),
}

impl Request {
    /// What the model says it takes.
    pub(super) fn footprint(&self, resident: &Resident) -> Footprint {
        match (self, resident) {
            (Self::Draw(request), Resident::TextToImage(model)) => model.footprint(request),
            (Self::Enlarge(request), Resident::Upscale(model)) => model.footprint(request),
            (Self::Speak(request), Resident::Speak(model)) => model.footprint(request),
            (Self::Transcribe(request, _), Resident::Transcribe(model)) => model.footprint(request),
            (Self::Answer(request), Resident::Chat(model)) => model.footprint(request),
            (Self::Read(request), Resident::Embed(model)) => model.footprint(request),
            _ => Footprint::default(),
        }
    }

    /// Asks the model for the `run`th time.
    ///
    /// # Errors
    /// Those of the model.
    pub(super) fn ask(&self, run: u32, resident: &mut Resident, control: &dyn Control) -> Result<Given> {
        let (amount, first) = match (self, resident) {
            (Self::Draw(request), Resident::TextToImage(model)) => {
                (model.generate(request, control)?.images.len() as f64, None)
            }
            (Self::Enlarge(request), Resident::Upscale(model)) => {
                model.upscale(request, control)?;
                (1.0, None)
            }
            (Self::Speak(request), Resident::Speak(model)) => {
                let (begun, mut first) = (Instant::now(), None);
                let heard = &mut |_: &[f32]| {
                    first.get_or_insert_with(|| begun.elapsed().as_secs_f64());
                };
                let speech = model.speak_to(request, heard, control)?;
                (speech.samples.len() as f64 / f64::from(speech.sample_rate), first)
            }
            (Self::Transcribe(request, seconds), Resident::Transcribe(model)) => {
                model.transcribe(request, control)?;
                (*seconds, None)
            }
            (Self::Answer(request), Resident::Chat(model)) => {
                // A prompt that was asked before would still be in the cache.
                let mut request = request.clone();
                request.messages[0].content.insert_str(0, &format!("{run}. "));
                let usage = model.chat(&request, control)?.usage;
                (usage.answer_tokens.into(), Some(usage.prefill_seconds))
            }
            (Self::Read(request), Resident::Embed(model)) => {
                (model.embed(request, control)?.len() as f64, None)
            }
            (_, model) => {
                let message = format!("a model for {} was asked for something else", model.capability());
                return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
            }
        };
        Ok(Given { amount, first })
    }
}

/// A text of so many sentences.
pub(super) fn speech(sentences: u32, voice: &str) -> SpeakRequest {
    let sentences = SENTENCES.into_iter().cycle().take(sentences as usize);
    SpeakRequest { text: sentences.collect::<Vec<_>>().join(" "), voice: voice.to_owned(), speed: 1.0 }
}

/// A picture with fine and coarse detail.
fn detailed(width: u32, height: u32) -> Result<Image> {
    let pixel = |n: u32| {
        let (x, y) = (n % width, n / width);
        [(x * 255 / width) as u8, (y * 255 / height) as u8, ((x * 7) ^ (y * 13)) as u8]
    };
    Image::new(width, height, 3, (0..width * height).flat_map(pixel).collect())
}

fn seconds(sound: &[f32]) -> f64 {
    sound.len() as f64 / f64::from(SAMPLE_RATE)
}
