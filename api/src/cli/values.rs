//! The little languages of the flags of pictures.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use reelsmith_inference_core::image::NoisePrecision;
use reelsmith_pipelines::images::SAMPLERS;
use std::path::PathBuf;
use std::str::FromStr;

/// Precision of noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Noise {
    /// Single precision
    F32,
    /// Half precision
    F16,
}

impl From<Noise> for NoisePrecision {
    fn from(noise: Noise) -> Self {
        match noise {
            Noise::F32 => Self::F32,
            Noise::F16 => Self::F16,
        }
    }
}

/// `1024x768`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once(['x', 'X', '×']);
        let number = |side: &str| side.trim().parse::<u32>().ok();
        match sides.and_then(|(width, height)| Some((number(width)?, number(height)?))) {
            Some((width, height)) => Ok(Self { width, height }),
            None => Err("expected a width and a height, for example 1024x768".into()),
        }
    }
}

/// `MODEL` or `MODEL:WEIGHT`
#[derive(Debug, Clone, PartialEq)]
pub struct LoraArg {
    /// A catalogue id or a path.
    pub model: String,
    /// From -4 to 4.
    pub weight: f32,
}

impl FromStr for LoraArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (model, weight) = match text.rsplit_once(':') {
            Some((model, weight)) if !weight.contains('/') => (model, real(weight, -4.0, 4.0)?),
            _ => (text, 1.0),
        };
        match model.is_empty() {
            true => Err("expected a model, and a weight after a colon".into()),
            false => Ok(Self { model: model.to_owned(), weight }),
        }
    }
}

/// `[canny=]MODEL:IMAGE[:WEIGHT[:START[:END]]]`
#[derive(Debug, Clone, PartialEq)]
pub struct ControlArg {
    /// Whether the edges of the image are found first.
    pub edges: bool,
    /// A catalogue id or a path.
    pub model: String,
    /// The picture.
    pub image: PathBuf,
    /// 0 to 2.
    pub weight: f32,
    /// Share of the steps at which it begins, 0 to 1.
    pub start: f32,
    /// Share of the steps at which it ends, after `start`, up to 1.
    pub end: f32,
}

impl FromStr for ControlArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected MODEL:IMAGE, then weight, start and end after colons".to_owned();
        let (model, rest) = text.split_once(':').ok_or_else(form)?;
        // A path may have colons in it; only numbers at the end are the last three.
        let mut parts: Vec<&str> = rest.split(':').collect();
        let mut numbers = Vec::new();
        while parts.len() > 1 && numbers.len() < 3 && parts[parts.len() - 1].parse::<f32>().is_ok() {
            numbers.insert(0, parts.remove(parts.len() - 1));
        }
        let number = |n: usize, usual, most| numbers.get(n).map_or(Ok(usual), |text| real(text, 0.0, most));
        let (weight, start, end) = (number(0, 1.0, 2.0)?, number(1, 0.0, 1.0)?, number(2, 1.0, 1.0)?);
        if start >= end {
            return Err(format!("it begins at {start} of the steps and ends at {end}, which is not after"));
        }
        let (edges, model) = model.strip_prefix("canny=").map_or((false, model), |model| (true, model));
        let image = PathBuf::from(parts.join(":"));
        match model.is_empty() || image.as_os_str().is_empty() {
            true => Err(form()),
            false => Ok(Self { edges, model: model.to_owned(), image, weight, start, end }),
        }
    }
}

/// One of the samplers, by its name.
pub(super) fn samplers() -> ValueParser {
    let names = PossibleValuesParser::new(SAMPLERS.map(|(name, _)| name));
    let named = |name: String| SAMPLERS.into_iter().find(|(known, _)| *known == name);
    ValueParser::new(names.try_map(move |name| named(name).map(|(_, one)| one).ok_or("no such sampler")))
}

/// A number in a range.
pub(super) fn real(text: &str, least: f32, most: f32) -> Result<f32, String> {
    let number = text.parse::<f32>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("expected a number from {least} to {most}"))
}

/// A number above 0 up to 1.
pub(super) fn strength(text: &str) -> Result<f32, String> {
    let above = real(text, 0.0, 1.0).ok().filter(|strength| *strength > 0.0);
    above.ok_or_else(|| "expected a number above 0 up to 1".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_two_numbers() {
        assert_eq!("1024x768".parse(), Ok(Size { width: 1024, height: 768 }));
        for wrong in ["1024", "x", "1024x", "-8x8", "8x8x8", "99999999999x8"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_lora_has_a_weight_or_counts_as_trained() {
        let lora = |model: &str, weight| Ok(LoraArg { model: model.into(), weight });
        assert_eq!("a/b.safetensors:-0.5".parse(), lora("a/b.safetensors", -0.5));
        assert_eq!("a/b.safetensors".parse(), lora("a/b.safetensors", 1.0));
        assert_eq!("a:1/b.safetensors".parse(), lora("a:1/b.safetensors", 1.0));
        assert!("a:5".parse::<LoraArg>().is_err() && ":1".parse::<LoraArg>().is_err());
        assert!("a:NaN".parse::<LoraArg>().is_err());
    }

    #[test]
    fn a_control_has_an_image_and_up_to_three_numbers() {
        let control = |text: &str| text.parse::<ControlArg>();
        let of = |image: &str, weight, start, end| ControlArg {
            edges: false,
            model: "m".into(),
            image: image.into(),
            weight,
            start,
            end,
        };
        assert_eq!(control("m:a.png"), Ok(of("a.png", 1.0, 0.0, 1.0)));
        assert_eq!(control("m:a.png:0.8"), Ok(of("a.png", 0.8, 0.0, 1.0)));
        assert_eq!(control("m:a:b.png:0.8:0.1:0.9"), Ok(of("a:b.png", 0.8, 0.1, 0.9)));
        assert_eq!(control("m:7:1:0.5"), Ok(of("7", 1.0, 0.5, 1.0)));
        assert!(control("canny=m:a.png").expect("edges").edges);
        for wrong in ["m", "m:", ":a.png", "canny=:a.png", "m:a.png:3", "m:a.png:1:0.5:0.5"] {
            assert!(control(wrong).is_err(), "{wrong}");
        }
    }
}
