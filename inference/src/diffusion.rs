//! Pictures out of noise: latent diffusion, as SDXL does it.

pub mod noise;
pub mod sampler;
pub mod schedule;
