//! What the double is to do with a request: it travels in the request's text, prompt or pixels.

use reelsmith_inference_core::embed::{EmbedRequest, RerankRequest};
use reelsmith_inference_core::image::{Image, ImageRequest, NoisePrecision, Sampler, UpscaleRequest};
use reelsmith_inference_core::speech::SpeakRequest;

/// How a load or a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum End {
    #[default]
    Done,
    Fail,
    Panic,
    OutOfMemory,
    /// Out-of-memory unless the model is alone on the device.
    NeedsSpace,
    /// Out-of-memory unless two models at most are on the device.
    NeedsRoom,
    /// The engine's process is lost.
    Lost,
    /// It is lost the first time that anybody ends so.
    LostOnce,
}

/// A request of the double.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    pub(crate) id: u64,
    pub(crate) steps: u64,
    pub(crate) peak: u64,
    pub(crate) gated: bool,
    pub(crate) end: End,
}

impl Plan {
    pub(crate) fn new(id: u64) -> Self {
        Self { id, steps: 1, peak: 10, ..Self::default() }
    }

    pub(crate) fn of(text: &str) -> Self {
        let ends = [
            End::Done,
            End::Fail,
            End::Panic,
            End::OutOfMemory,
            End::NeedsSpace,
            End::NeedsRoom,
            End::Lost,
            End::LostOnce,
        ];
        let numbers: Vec<u64> = text.split(' ').map(|number| number.parse().unwrap()).collect();
        let [id, steps, peak, gated, end] = numbers[..] else { panic!("{text:?} is no plan") };
        Self { id, steps, peak, gated: gated == 1, end: ends[end as usize] }
    }

    fn text(self) -> String {
        let Self { id, steps, peak, gated, end } = self;
        format!("{id} {steps} {peak} {} {}", u8::from(gated), end as u8)
    }

    pub(crate) fn request(self) -> SpeakRequest {
        SpeakRequest { text: self.text(), voice: "fake".into(), speed: 1.0 }
    }

    pub(crate) fn picture(self) -> ImageRequest {
        ImageRequest {
            prompt: self.text(),
            negative_prompt: String::new(),
            width: 8,
            height: 8,
            steps: self.steps as u32,
            guidance_scale: 1.0,
            sampler: Sampler::Euler,
            seed: self.id,
            count: 1,
            clip_skip: 0,
            noise: NoisePrecision::F32,
            loras: Vec::new(),
            start: None,
            controls: Vec::new(),
            preview_every: 1,
        }
    }

    pub(crate) fn embedding(self) -> EmbedRequest {
        EmbedRequest { texts: vec![self.text()] }
    }

    pub(crate) fn judging(self) -> RerankRequest {
        RerankRequest { query: self.text(), documents: vec![String::new()] }
    }

    pub(crate) fn enlarging(self) -> UpscaleRequest {
        let pixels = self.text().into_bytes();
        let image = Image::new(pixels.len() as u32, 1, 1, pixels).unwrap();
        UpscaleRequest { image, width: 8, height: 8, tile: 0 }
    }
}
