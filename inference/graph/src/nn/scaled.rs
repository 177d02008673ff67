//! Multiplication by a number.

use crate::builder::{Attribute, Graph, Value};
use crate::target::Device;

impl Graph {
    /// `factor` times (N, channels, H, W). ONNX Runtime's CPU provider keeps pictures in blocks of channels between
    /// convolutions and takes them out for an elementwise product, here and for all that is added to it later; so
    /// there it is a convolution of single positions, channel by channel.
    pub fn scaled(&mut self, x: Value, channels: usize, factor: f32) -> Value {
        if self.target().device != Device::Cpu || !self.target().is_fused {
            let factor = self.number(factor);
            return self.mul(x, factor);
        }
        let factors = self.numbers(&[channels as i64, 1, 1, 1], &vec![factor; channels]);
        self.node("Conv", &[x, factors], &[("group", Attribute::Int(channels as i64))])
    }
}
