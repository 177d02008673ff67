//! The types of GGUF: of metadata values (ggml's `enum gguf_type`) and of tensors (`enum ggml_type`).

/// GGUF's number of strings.
pub(super) const TEXT: u32 = 8;

/// The type of a metadata value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    Text,
    Array,
    U64,
    I64,
    F64,
}

impl Width {
    pub(super) fn of(kind: u32) -> Option<Self> {
        use Width::{Array, Bool, F32, F64, I8, I16, I32, I64, Text, U8, U16, U32, U64};
        let all = [U8, I8, U16, I16, U32, I32, F32, Bool, Text, Array, U64, I64, F64];
        all.get(kind as usize).copied()
    }

    /// Bytes of one, or the fewest where that depends on it.
    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::Text => 8,
            Self::Array => 12,
        }
    }
}

/// ggml's number of single precision, in which vectors must be.
pub(super) const F32: u32 = 0;

/// Elements and bytes of one block of a type that weights of language models have, from the block structures of
/// ggml's `ggml-common.h`; what ggml cannot multiply by is not among them.
fn block(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        F32 => (1, 4),
        1 | 30 => (1, 2), // F16, BF16
        2 => (32, 18),    // Q4_0
        3 => (32, 20),    // Q4_1
        6 => (32, 22),    // Q5_0
        7 => (32, 24),    // Q5_1
        8 => (32, 34),    // Q8_0
        10 => (256, 84),  // Q2_K
        11 => (256, 110), // Q3_K
        12 => (256, 144), // Q4_K
        13 => (256, 176), // Q5_K
        14 => (256, 210), // Q6_K
        16 => (256, 66),  // IQ2_XXS
        17 => (256, 74),  // IQ2_XS
        18 => (256, 98),  // IQ3_XXS
        19 => (256, 50),  // IQ1_S
        20 => (32, 18),   // IQ4_NL
        21 => (256, 110), // IQ3_S
        22 => (256, 82),  // IQ2_S
        23 => (256, 136), // IQ4_XS
        29 => (256, 56),  // IQ1_M
        _ => return None,
    })
}

/// Bytes of a tensor; none for extents that do not fit its type, or together more than 2^48 elements.
pub(super) fn bytes(kind: u32, extents: [u64; 4]) -> Option<u64> {
    let (elements, bytes) = block(kind)?;
    let count = extents.iter().try_fold(1u64, |product, extent| {
        (*extent > 0).then_some(product)?.checked_mul(*extent).filter(|product| *product < 1 << 48)
    })?;
    (extents[0].is_multiple_of(elements)).then_some(count / elements * bytes)
}
