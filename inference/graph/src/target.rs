//! What a graph is written for.

use crate::proto::Element;

/// Where a graph runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    /// ONNX Runtime's CPU provider.
    Cpu,
    /// ONNX Runtime's CUDA provider.
    Cuda,
}

/// A device, the numbers it computes with, and whether operators that only ONNX Runtime knows may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// Where the graph runs.
    pub device: Device,
    /// What it computes in: `F32` or `F16`. Weights of another type are converted when the session starts.
    pub compute: Element,
    /// Fused operators in place of the standard's: attention, normalisation with its activation.
    pub is_fused: bool,
    /// Products of linear layers in whole numbers of 8 bits, with fused operators on the CPU.
    pub is_quantised: bool,
}

impl Target {
    /// f32 on the CPU with fused operators.
    pub const CPU: Self =
        Self { device: Device::Cpu, compute: Element::F32, is_fused: true, is_quantised: false };
    /// The same with products in 8 bits: a quarter of the memory to read, for networks whose results bear it.
    pub const CPU_8_BIT: Self = Self { is_quantised: true, ..Self::CPU };
    /// f32 on the CPU with operators of the ONNX standard alone.
    pub const PLAIN: Self =
        Self { device: Device::Cpu, compute: Element::F32, is_fused: false, is_quantised: false };
    /// f16 on an NVIDIA card with fused operators.
    pub const CUDA: Self =
        Self { device: Device::Cuda, compute: Element::F16, is_fused: true, is_quantised: false };
}
