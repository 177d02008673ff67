//! Weights and inputs that need no file: the same numbers as `tests/reference/reference.py` gives, from a name, a
//! seed and a shape, so that a golden case holds only what the reference made of them.

/// What SplitMix64 adds to its state for each number: 2^64 over the golden ratio (Steele, Lea and Flood, 2014).
const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// FNV-1a, 64 bits, of the UTF-8 bytes.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// `count` numbers of [-1, 1): SplitMix64 of (name, seed, index), its upper 24 bits.
pub(crate) fn uniform(name: &str, seed: u64, count: usize) -> Vec<f32> {
    let start = fnv1a(name) ^ seed.wrapping_mul(GOLDEN_GAMMA);
    let number = |index: u64| {
        let z = start.wrapping_add(index.wrapping_mul(GOLDEN_GAMMA));
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (1..=count as u64).map(number).collect()
}

/// A weight: of unit gain where it has a fan-in, near one for a norm's scale, small for the rest.
pub(crate) fn filled(name: &str, shape: &[usize], seed: u64) -> Vec<f32> {
    let count = shape.iter().product::<usize>();
    let mut numbers = uniform(name, seed, count);
    let (centre, spread) = match shape {
        [outputs, _, ..] => (0.0, (3.0 / (count / outputs) as f64).sqrt() as f32),
        _ if name.ends_with("weight") => (1.0, 0.1),
        _ => (0.0, 0.1),
    };
    numbers.iter_mut().for_each(|number| *number = centre + spread * *number);
    numbers
}

mod tests {
    use super::{filled, uniform};

    #[test]
    fn the_numbers_are_those_of_the_reference() {
        let expected = [-0.238_823_89, -0.672_735_1, 0.315_857_05, -0.502_038_24];
        assert_eq!(uniform("unet.conv_in.weight", 0, 4), expected);
        assert_eq!(uniform("x", 7, 3), [0.100_661_04, 0.127_154_95, -0.246_984_12]);
        assert_eq!(uniform("", (1 << 40) + 1, 2), [0.470_174_8, 0.339_203]);
    }

    #[test]
    fn a_weight_is_spread_by_its_name_and_shape() {
        let matrix = [0.341_063_62, -0.541_661_14, 0.806_667_7, 0.954_559_2, -0.913_972, -0.543_264_27];
        assert_eq!(filled("a.weight", &[2, 3], 0), matrix);
        assert_eq!(filled("n.weight", &[3], 1), [1.076_957_1, 0.936_862_7, 1.023_896_2]);
        assert_eq!(filled("n.bias", &[2], 1), [-0.071_244_43, 0.086_682_3]);
        assert_eq!(filled("s", &[], 1), [0.001_501_751]);
    }
}
