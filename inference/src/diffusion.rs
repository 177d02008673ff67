//! Pictures out of noise: latent diffusion, as SDXL does it.

pub mod noise;
