//! The picture commands of the built binary, with real engines: upscalers, and a small random SDXL.

mod commands;
#[path = "../desk/mod.rs"]
#[expect(dead_code, reason = "some of it is for other tests")]
mod desk;
mod drawing;
mod wrong;
