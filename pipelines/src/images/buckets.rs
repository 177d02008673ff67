//! The sizes that SDXL was trained on, and which of them suits a shape.

use crate::error::{ErrorKind, PipelineError, Result};

/// Pixels on a side at most: four times SDXL's own size.
pub const MAX_SIDE: u32 = 4096;

/// Pixels on a side at least.
const MIN_SIDE: u32 = 64;

/// Width and height of each training bucket, widest first: Podell et al., "SDXL: Improving Latent Diffusion
/// Models for High-Resolution Image Synthesis", 2023, appendix I. The table there has the height first.
pub const BUCKETS: [(u32, u32); 40] = [
    (2048, 512),
    (1984, 512),
    (1920, 512),
    (1856, 512),
    (1792, 576),
    (1728, 576),
    (1664, 576),
    (1600, 640),
    (1536, 640),
    (1472, 704),
    (1408, 704),
    (1344, 704),
    (1344, 768),
    (1280, 768),
    (1216, 832),
    (1152, 832),
    (1152, 896),
    (1088, 896),
    (1088, 960),
    (1024, 960),
    (1024, 1024),
    (960, 1024),
    (960, 1088),
    (896, 1088),
    (896, 1152),
    (832, 1152),
    (832, 1216),
    (768, 1280),
    (768, 1344),
    (704, 1408),
    (704, 1472),
    (640, 1536),
    (640, 1600),
    (576, 1664),
    (576, 1728),
    (576, 1792),
    (512, 1856),
    (512, 1920),
    (512, 1984),
    (512, 2048),
];

/// How far a shape may be from a bucket's to be called the same: a seventh of its ratio.
const NEAR: f64 = 1.0 / 7.0;

/// The bucket whose shape is nearest to that of `width` x `height`; none for a shape beyond the longest.
///
/// # Panics
/// If a side is 0.
pub fn bucket(width: u32, height: u32) -> Option<(u32, u32)> {
    assert!(width > 0 && height > 0, "a picture has sides");
    let ratio = |(width, height): (u32, u32)| (f64::from(width) / f64::from(height)).ln();
    let distance = |bucket: (u32, u32)| (ratio(bucket) - ratio((width, height))).abs();
    let nearest = BUCKETS.into_iter().min_by(|a, b| distance(*a).total_cmp(&distance(*b)))?;
    (distance(nearest) <= NEAR).then_some(nearest)
}

/// Whether SDXL was trained on just this size.
pub fn is_bucket(width: u32, height: u32) -> bool {
    BUCKETS.contains(&(width, height))
}

/// Refuses what no picture can be made in.
///
/// # Errors
/// `InvalidInput` unless both sides are multiples of 8 from 64 to [`MAX_SIDE`]; names the size of SDXL's that
/// has the shape, or the nearest multiples.
pub fn check_size(width: u32, height: u32) -> Result<()> {
    let allowed = MIN_SIDE..=MAX_SIDE;
    let good = |side: u32| side.is_multiple_of(8) && allowed.contains(&side);
    if good(width) && good(height) {
        return Ok(());
    }
    let near = |side: u32| (side.saturating_add(4) / 8 * 8).clamp(MIN_SIDE, MAX_SIDE);
    let advice = match (width > 0 && height > 0).then(|| bucket(width, height)).flatten() {
        Some((w, h)) => format!("try {w}x{h}, which SDXL was trained on in this shape"),
        None => format!("try {}x{}", near(width), near(height)),
    };
    let message = format!(
        "a size of {width}x{height}; expected multiples of 8 from {MIN_SIDE} to {MAX_SIDE}: {advice}"
    );
    Err(PipelineError::new(ErrorKind::InvalidInput, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_buckets_are_of_about_a_megapixel_and_in_order() {
        assert!(BUCKETS.iter().all(|(w, h)| w.is_multiple_of(64) && h.is_multiple_of(64)));
        // The paper: "a pixel count as close as possible to 1024² pixels", in steps of 64.
        assert!(BUCKETS.iter().all(|(w, h)| (880_000..=1_060_000).contains(&(w * h))));
        let ratios: Vec<f64> = BUCKETS.iter().map(|(w, h)| f64::from(*w) / f64::from(*h)).collect();
        assert!(ratios.windows(2).all(|pair| pair[0] > pair[1]));
        assert_eq!((ratios[0], ratios[39]), (4.0, 0.25));
    }

    #[test]
    fn usual_shapes_find_their_bucket() {
        for (size, expected) in [
            ((1080, 1920), Some((768, 1344))),
            ((1920, 1080), Some((1344, 768))),
            ((2560, 1440), Some((1344, 768))),
            ((512, 512), Some((1024, 1024))),
            ((1280, 720), Some((1344, 768))),
            ((3000, 2000), Some((1216, 832))),
            ((2100, 900), Some((1536, 640))),
            ((4096, 64), None),
        ] {
            assert_eq!(bucket(size.0, size.1), expected, "{size:?}");
        }
    }

    #[test]
    fn a_wrong_size_is_told_a_good_one() {
        let told = |w, h| check_size(w, h).unwrap_err().to_string();
        assert!(told(1080, 1918).ends_with("try 768x1344, which SDXL was trained on in this shape"));
        assert!(told(0, 1024).contains("try 64x1024"));
        assert!(told(100_000, 100_000).contains("try 1024x1024"));
        assert!(told(u32::MAX, 1).contains("try 4096x64"));
    }

    proptest! {
        #[test]
        fn every_bucket_is_its_own_and_every_advice_is_good(n in 0usize..40, w in any::<u32>(), h in any::<u32>()) {
            let (bw, bh) = BUCKETS[n];
            prop_assert!(check_size(bw, bh).is_ok() && is_bucket(bw, bh));
            prop_assert_eq!(bucket(bw, bh), Some((bw, bh)));
            if let Err(error) = check_size(w, h) {
                let text = error.to_string();
                let advice = text.split("try ").nth(1).and_then(|rest| rest.split([',', ' ']).next()).unwrap();
                let (aw, ah) = advice.split_once('x').unwrap();
                prop_assert!(check_size(aw.parse().unwrap(), ah.parse().unwrap()).is_ok(), "{}", text);
            }
        }
    }
}
