//! The curve by which things start and stop gently.

use std::ops::{Mul, Sub};

/// 0 at 0, 1 at 1, level at both: the cubic 3t² - 2t³ (GLSL's `smoothstep`).
pub(crate) fn smoothstep<T>(t: T) -> T
where
    T: Copy + From<u8> + Mul<Output = T> + Sub<Output = T>,
{
    t * t * (T::from(3) - T::from(2) * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_between_level_ends() {
        assert_eq!([0.0, 0.5, 1.0].map(smoothstep::<f64>), [0.0, 0.5, 1.0]);
        assert!(smoothstep(0.001_f32) < 1e-5 && smoothstep(0.999_f32) > 1.0 - 1e-5);
        assert!((0..100).all(|n| smoothstep(f64::from(n) / 100.0) < smoothstep(f64::from(n + 1) / 100.0)));
    }
}
