//! Pictures out of noise: the parts of SDXL and its kin.

pub mod prompt;
pub mod tokenizer;
