//! Second-order filters.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// A biquad in transposed direct form II, one channel. Coefficients after R. Bristow-Johnson's
/// "Cookbook formulae for audio equalizer biquad filter coefficients".
#[derive(Debug, Clone)]
pub(super) struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [f64; 2],
}

impl Biquad {
    /// 12 dB an octave below `hz`, Butterworth.
    pub(super) fn high_pass(hz: f64, rate: u32) -> Self {
        let (cos, alpha) = Self::angles(hz, rate);
        Self::normalised([(1.0 + cos) / 2.0, -(1.0 + cos), (1.0 + cos) / 2.0], cos, alpha)
    }

    /// 12 dB an octave above `hz`, Butterworth.
    pub(super) fn low_pass(hz: f64, rate: u32) -> Self {
        let (cos, alpha) = Self::angles(hz, rate);
        Self::normalised([(1.0 - cos) / 2.0, 1.0 - cos, (1.0 - cos) / 2.0], cos, alpha)
    }

    fn angles(hz: f64, rate: u32) -> (f64, f64) {
        let w = TAU * hz / f64::from(rate);
        (w.cos(), w.sin() / (2.0 * FRAC_1_SQRT_2))
    }

    fn normalised(b: [f64; 3], cos: f64, alpha: f64) -> Self {
        let a0 = 1.0 + alpha;
        Self { b: b.map(|v| v / a0), a: [-2.0 * cos / a0, (1.0 - alpha) / a0], state: [0.0; 2] }
    }

    pub(super) fn run(&mut self, x: f32) -> f32 {
        let x = f64::from(x);
        let y = self.b[0] * x + self.state[0];
        self.state[0] = self.b[1] * x - self.a[0] * y + self.state[1];
        self.state[1] = self.b[2] * x - self.a[1] * y;
        y as f32
    }
}
