//! What made a picture, as the file itself tells: a text that other programs read, and the same as JSON.
//!
//! The text under `parameters` has the form of the Stable Diffusion web UI ("infotext"): the prompt, a line of
//! the negative prompt, a line of `Key: value` pairs. Under `reelsmith` stands [`Recipe`] as JSON.

use reelsmith_inference_core::image::{ImageRequest, NoisePrecision, Sampler};
use reelsmith_media::picture::Note;
use serde::{Deserialize, Serialize};

/// Raised when a field changes its meaning.
const VERSION: u32 = 1;
/// Digits of a model's sha256 that the web UI shows.
const SHORT_HASH: usize = 10;

/// A model by name and hash. Names are those of catalogue entries or files, never of folders above them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelNote {
    /// Catalogue id, or the file's name without its ending.
    pub name: String,
    /// Hash of the file; of several files, of a list of their hashes and names as `sha256sum` writes it.
    pub sha256: String,
}

impl ModelNote {
    fn short(&self) -> &str {
        self.sha256.get(..SHORT_HASH).unwrap_or(&self.sha256)
    }
}

/// A LoRA that took part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraNote {
    /// Which.
    pub model: ModelNote,
    /// How strongly.
    pub weight: f32,
}

/// A picture that was given: the bytes of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputNote {
    /// The file's name, without its folder.
    pub name: String,
    /// Hash of the file.
    pub sha256: String,
}

/// The picture that was started from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartNote {
    /// Which.
    pub image: InputNote,
    /// How much was changed.
    pub strength: f32,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<InputNote>,
}

/// A picture that steered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlNote {
    /// The ControlNet.
    pub model: ModelNote,
    /// The picture given.
    pub image: InputNote,
    /// How strongly.
    pub weight: f32,
    /// Share of the steps at which it began.
    pub start: f32,
    /// Share of the steps at which it ended.
    pub end: f32,
}

/// How a picture was enlarged afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpscaleNote {
    /// By which model.
    pub model: ModelNote,
    /// To this width, in pixels.
    pub width: u32,
    /// To this height, in pixels.
    pub height: u32,
}

/// All that made one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// 1.
    pub version: u32,
    /// The checkpoint.
    pub model: ModelNote,
    /// The VAE in place of the checkpoint's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vae: Option<ModelNote>,
    /// What to show.
    pub prompt: String,
    /// What not to show.
    pub negative_prompt: String,
    /// Seed of this picture.
    pub seed: u64,
    /// How noise was taken off.
    pub sampler: Sampler,
    /// Denoise steps.
    pub steps: u32,
    /// How closely the prompt was followed.
    pub guidance_scale: f32,
    /// Pixels, as made by the model.
    pub width: u32,
    /// Pixels, as made by the model.
    pub height: u32,
    /// Last layers of the text encoders left out.
    pub clip_skip: u32,
    /// Precision of the seed's noise.
    pub noise: NoisePrecision,
    /// LoRAs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loras: Vec<LoraNote>,
    /// Where it started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartNote>,
    /// What steered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<ControlNote>,
    /// How it was enlarged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upscaled: Option<UpscaleNote>,
    /// Version of this program.
    pub reelsmith: String,
    /// Version of the engine's library.
    pub onnxruntime: String,
}

impl Recipe {
    /// What `request` says of itself; the rest is for the caller to fill in.
    pub fn of(request: &ImageRequest, model: ModelNote, reelsmith: &str, onnxruntime: &str) -> Self {
        Self {
            version: VERSION,
            model,
            vae: None,
            prompt: request.prompt.clone(),
            negative_prompt: request.negative_prompt.clone(),
            seed: request.seed,
            sampler: request.sampler,
            steps: request.steps,
            guidance_scale: request.guidance_scale,
            width: request.width,
            height: request.height,
            clip_skip: request.clip_skip,
            noise: request.noise,
            loras: Vec::new(),
            start: None,
            controls: Vec::new(),
            upscaled: None,
            reelsmith: reelsmith.to_owned(),
            onnxruntime: onnxruntime.to_owned(),
        }
    }

    /// The text under `parameters`.
    pub fn parameters(&self) -> String {
        let mut text = self.prompt.clone();
        for LoraNote { model, weight } in &self.loras {
            text.push_str(&format!(" <lora:{}:{weight}>", model.name));
        }
        if !self.negative_prompt.is_empty() {
            text.push_str(&format!("\nNegative prompt: {}", self.negative_prompt));
        }
        let pairs: Vec<String> =
            self.pairs().into_iter().map(|(key, value)| format!("{key}: {}", quoted(&value))).collect();
        format!("{text}\n{}", pairs.join(", "))
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut add = |key: &str, value: String| pairs.push((key.to_owned(), value));
        add("Steps", self.steps.to_string());
        add("Sampler", sampler_title(self.sampler).to_owned());
        add("CFG scale", self.guidance_scale.to_string());
        add("Seed", self.seed.to_string());
        add("Size", format!("{}x{}", self.width, self.height));
        add("Model hash", self.model.short().to_owned());
        add("Model", self.model.name.clone());
        if let Some(vae) = &self.vae {
            add("VAE hash", vae.short().to_owned());
            add("VAE", vae.name.clone());
        }
        if let Some(start) = &self.start {
            add("Denoising strength", start.strength.to_string());
        }
        for (n, control) in self.controls.iter().enumerate() {
            let ControlNote { model, weight, start, end, .. } = control;
            let (name, hash) = (&model.name, model.short());
            let told = format!(
                "Module: none, Model: {name} [{hash}], Weight: {weight}, Guidance Start: {start}, Guidance End: {end}"
            );
            add(&format!("ControlNet {n}"), told);
        }
        if !self.loras.is_empty() {
            let hashes: Vec<String> = self
                .loras
                .iter()
                .map(|lora| format!("{}: {}", lora.model.name, lora.model.short()))
                .collect();
            add("Lora hashes", hashes.join(", "));
        }
        if let Some(UpscaleNote { model, width, height }) = &self.upscaled {
            add("Hires upscaler", model.name.clone());
            add("Hires resize", format!("{width}x{height}"));
        }
        add("Version", format!("reelsmith {}", self.reelsmith));
        pairs
    }

    /// What a PNG file carries.
    pub fn notes(&self) -> Vec<Note> {
        let json = serde_json::to_string(self).expect("texts and numbers are always JSON");
        // A prompt may come with any character; PNG holds all but one.
        let note =
            |keyword: &str, text: String| Note { keyword: keyword.into(), text: text.replace('\0', "") };
        vec![note("parameters", self.parameters()), note("reelsmith", json)]
    }
}

/// The name of a sampler as people and other programs write it.
pub fn sampler_title(sampler: Sampler) -> &'static str {
    match sampler {
        Sampler::Euler => "Euler",
        Sampler::EulerAncestral => "Euler a",
        Sampler::DpmPlusPlus2mKarras => "DPM++ 2M Karras",
        Sampler::UniPc => "UniPC",
        Sampler::Lcm => "LCM",
        Sampler::Ddim => "DDIM",
    }
}

/// A value with a comma, colon or line break in it stands between quotes, escaped as in JSON.
fn quoted(value: &str) -> String {
    match value.contains([',', ':', '\n']) {
        true => serde_json::to_string(value).expect("a text is always JSON"),
        false => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::request;

    fn model(name: &str, digit: char) -> ModelNote {
        ModelNote { name: name.into(), sha256: digit.to_string().repeat(64) }
    }

    fn recipe() -> Recipe {
        let mut asked = request("a red fox, (snow:1.2)", (1024, 768), 42);
        asked.negative_prompt = "blurry".into();
        Recipe::of(&asked, model("sdxl-base", 'a'), "0.1.0", "1.24.0")
    }

    #[test]
    fn the_text_is_in_the_form_that_other_programs_read() {
        assert_eq!(
            recipe().parameters(),
            "a red fox, (snow:1.2)\nNegative prompt: blurry\n\
             Steps: 30, Sampler: Euler, CFG scale: 5, Seed: 42, Size: 1024x768, Model hash: aaaaaaaaaa, \
             Model: sdxl-base, Version: reelsmith 0.1.0"
        );
    }

    #[test]
    fn what_took_part_is_told_by_name_and_hash() {
        let input = InputNote { name: "in.png".into(), sha256: "0".repeat(64) };
        let full = Recipe {
            vae: Some(model("fix", 'b')),
            loras: vec![LoraNote { model: model("ink", 'c'), weight: 0.5 }],
            start: Some(StartNote { image: input.clone(), strength: 0.6, mask: None }),
            controls: vec![ControlNote {
                model: model("canny", 'd'),
                image: input,
                weight: 1.0,
                start: 0.0,
                end: 0.8,
            }],
            upscaled: Some(UpscaleNote { model: model("x4plus", 'e'), width: 4096, height: 3072 }),
            ..recipe()
        };
        let text = full.parameters();
        assert!(text.starts_with("a red fox, (snow:1.2) <lora:ink:0.5>\n"), "{text}");
        for part in [
            "VAE hash: bbbbbbbbbb, VAE: fix, Denoising strength: 0.6",
            "ControlNet 0: \"Module: none, Model: canny [dddddddddd], Weight: 1, Guidance Start: 0, Guidance End: 0.8\"",
            "Lora hashes: \"ink: cccccccccc\"",
            "Hires upscaler: x4plus, Hires resize: 4096x3072",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let notes = full.notes();
        assert_eq!(
            notes.iter().map(|note| note.keyword.as_str()).collect::<Vec<_>>(),
            ["parameters", "reelsmith"]
        );
        let back: Recipe = serde_json::from_str(&notes[1].text).unwrap();
        assert_eq!(back, full);
    }

    #[test]
    fn a_prompt_with_a_nul_can_still_be_noted() {
        let odd = Recipe { prompt: "a\0b".into(), ..recipe() };
        assert!(odd.notes().iter().all(|note| !note.text.contains('\0')));
    }
}
