//! What is asked of each model, always the same.

use super::Times;
use crate::results::median;
use anyhow::{Result, bail};
use reelsmith_inference::engine::LocalEngine;
use reelsmith_inference_core::chat::{ChatRequest, Sampling};
use reelsmith_inference_core::embed::EmbedRequest;
use reelsmith_inference_core::image::{Image, UpscaleRequest};
use reelsmith_inference_core::speech::SpeakRequest;
use reelsmith_inference_core::{Engine, Footprint, ModelId, NoControl, Progress, Resident, Verdict};
use reelsmith_scheduler::{CancelToken, Scheduler};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Running text.
const PASSAGES: &str = include_str!("../../data/passages.txt");
/// Side of the picture that is enlarged, in pixels.
const SIDE: u32 = 96;

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Speak,
    Embed,
    Upscale,
    Chat,
}

impl Work {
    pub(super) const ALL: [Self; 4] = [Self::Speak, Self::Embed, Self::Upscale, Self::Chat];

    fn model(self) -> &'static str {
        match self {
            Self::Speak => "kokoro-82m-fp32",
            Self::Embed => "all-minilm-l6-v2",
            Self::Upscale => "realesr-animevideov3-x2",
            Self::Chat => "smollm2-135m-instruct",
        }
    }

    /// Asks the scheduler, and waits for the answer.
    pub(super) async fn ask(self, scheduler: &Scheduler) -> Result<()> {
        let (model, open) = (ModelId::from(self.model()), CancelToken::new());
        match self {
            Self::Speak => drop(scheduler.speak(&model, speaking(), |_| {}, open).await?),
            Self::Embed => drop(scheduler.embed(&model, embedding(), |_| {}, open).await?),
            Self::Upscale => drop(scheduler.upscale(&model, enlarging()?, |_| {}, open).await?),
            Self::Chat => drop(scheduler.chat(&model, chatting(), |_| {}, |_| {}, open).await?),
        }
        Ok(())
    }

    /// Loads the model `runs` times, and has it do the work twice each time.
    pub(super) fn times(self, engine: &mut LocalEngine, runs: usize) -> Result<Times> {
        let id = ModelId::from(self.model());
        let (mut loads, mut seconds, calls) = (Vec::new(), Vec::new(), AtomicU64::new(0));
        // The first one reads files that the system has not read yet.
        let mut resident = engine.load(&id, &NoControl)?;
        let mut needs = Footprint::default();
        for _ in 0..runs {
            let begun = Instant::now();
            drop(resident);
            resident = engine.load(&id, &NoControl)?;
            loads.push(begun.elapsed().as_secs_f64());
            for _ in 0..2 {
                calls.store(0, Ordering::Relaxed);
                let begun = Instant::now();
                needs = self.perform(&mut resident, &calls)?;
                seconds.push(begun.elapsed().as_secs_f64());
            }
        }
        let Footprint { weights, peak_activation: peak } = needs;
        let (load, run, steps) = (median(loads), median(seconds), calls.into_inner());
        eprintln!("{}: {needs:?}, load {load:.2} s, run {run:.2} s in {steps} steps", self.model());
        Ok(Times { model: self.model(), weights, peak, load, run, steps })
    }

    /// Does the work once, and counts the steps; what the model says that it needs.
    fn perform(self, resident: &mut Resident, calls: &AtomicU64) -> Result<Footprint> {
        let count = |_: Progress| {
            calls.fetch_add(1, Ordering::Relaxed);
            Verdict::Continue
        };
        Ok(match (self, resident) {
            (Self::Speak, Resident::Speak(voice)) => {
                voice.speak(&speaking(), &count)?;
                voice.footprint(&speaking())
            }
            (Self::Embed, Resident::Embed(reader)) => {
                reader.embed(&embedding(), &count)?;
                reader.footprint(&embedding())
            }
            (Self::Upscale, Resident::Upscale(upscaler)) => {
                upscaler.upscale(&enlarging()?, &count)?;
                upscaler.footprint(&enlarging()?)
            }
            (Self::Chat, Resident::Chat(chat)) => {
                chat.chat(&chatting(), &count)?;
                chat.footprint(&chatting())
            }
            (work, _) => bail!("{} is no model for {work:?}", work.model()),
        })
    }
}

fn speaking() -> SpeakRequest {
    let text = "The moon is leaving us, a little every year.".to_owned();
    SpeakRequest { text, voice: "af_heart".to_owned(), speed: 1.0 }
}

fn embedding() -> EmbedRequest {
    let words: Vec<&str> = PASSAGES.split_whitespace().collect();
    EmbedRequest { texts: words.chunks(12).take(48).map(|words| words.join(" ")).collect() }
}

fn enlarging() -> Result<UpscaleRequest> {
    let pixels = (0..SIDE * SIDE * 3).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let image = Image::new(SIDE, SIDE, 3, pixels)?;
    Ok(UpscaleRequest { image, width: 2 * SIDE, height: 2 * SIDE, tile: 0 })
}

fn chatting() -> ChatRequest {
    let question = "Why does the moon move away from the earth?";
    ChatRequest { sampling: Sampling::greedy(), max_tokens: Some(24), ..ChatRequest::new(question) }
}
