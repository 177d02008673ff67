//! The picture commands of the built binary, with real engines: upscalers, and a small random SDXL.

mod commands;
mod desk;
mod drawing;
mod small;
mod wrong;
