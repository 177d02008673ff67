//! Requests with the usual settings, and pictures on their way between files and models.

use reelsmith_inference_core::image::{Image, ImageRequest, NoisePrecision, Sampler};
use reelsmith_media::picture::Bitmap;

/// Denoise steps where nobody says how many.
pub const STEPS: u32 = 30;
/// Guidance scale where nobody names one: that of SDXL's pipeline in diffusers.
pub const GUIDANCE_SCALE: f32 = 5.0;
/// Sampler where nobody names one: that of SDXL's own scheduler file.
pub const SAMPLER: Sampler = Sampler::Euler;

/// Every sampler by the name that commands and settings use.
pub const SAMPLERS: [(&str, Sampler); 6] = [
    ("euler", Sampler::Euler),
    ("euler_ancestral", Sampler::EulerAncestral),
    ("dpmpp_2m_karras", Sampler::DpmPlusPlus2mKarras),
    ("unipc", Sampler::UniPc),
    ("lcm", Sampler::Lcm),
    ("ddim", Sampler::Ddim),
];

/// One picture of `width` x `height` pixels with the usual settings.
pub fn request(prompt: &str, (width, height): (u32, u32), seed: u64) -> ImageRequest {
    ImageRequest {
        prompt: prompt.to_owned(),
        negative_prompt: String::new(),
        width,
        height,
        steps: STEPS,
        guidance_scale: GUIDANCE_SCALE,
        sampler: SAMPLER,
        seed,
        count: 1,
        clip_skip: 0,
        noise: NoisePrecision::F32,
        loras: Vec::new(),
        start: None,
        controls: Vec::new(),
        preview_every: 0,
    }
}

/// The least size of the shape of `own` that covers `frame`; `own` itself where it does already.
pub fn covering(own: (u32, u32), frame: (u32, u32)) -> (u32, u32) {
    let ratio = |own: u32, frame: u32| f64::from(frame) / f64::from(own);
    let scale = ratio(own.0, frame.0).max(ratio(own.1, frame.1)).max(1.0);
    let side = |own: u32, frame: u32| ((f64::from(own) * scale).round() as u32).max(frame);
    (side(own.0, frame.0), side(own.1, frame.1))
}

/// A picture as models take it.
///
/// # Errors
/// `InvalidRequest` if it has no pixels.
pub fn to_image(bitmap: Bitmap) -> reelsmith_inference_core::Result<Image> {
    let Bitmap { width, height, channels, pixels } = bitmap;
    Image::new(width, height, channels, pixels)
}

/// A picture as files take it.
pub fn painted(image: Image) -> Bitmap {
    let Image { width, height, channels, pixels } = image;
    Bitmap { width, height, channels, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_picture_grows_until_it_covers_and_no_further() {
        assert_eq!(covering((768, 1344), (1080, 1920)), (1097, 1920));
        assert_eq!(covering((1344, 768), (2560, 1440)), (2560, 1463));
        assert_eq!(covering((2000, 3000), (1080, 1920)), (2000, 3000));
    }

    #[test]
    fn samplers_have_the_names_of_the_contract() {
        for (name, sampler) in SAMPLERS {
            assert_eq!(serde_json::to_value(sampler).unwrap(), name);
        }
    }

    proptest! {
        #[test]
        fn what_covers_is_as_large_as_the_frame_and_keeps_the_shape(
            own in (64u32..4096, 64u32..4096), frame in (64u32..4096, 64u32..4096),
        ) {
            let (width, height) = covering(own, frame);
            prop_assert!(width >= frame.0 && height >= frame.1 && width >= own.0 && height >= own.1);
            let shape = |w: u32, h: u32| f64::from(w) / f64::from(h);
            prop_assert!((shape(width, height) / shape(own.0, own.1)).ln().abs() < 0.02);
        }
    }
}
