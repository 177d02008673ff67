//! Pictures from models: sizes that SDXL knows, what is asked for where nobody says more, and the recipe that
//! a file carries.

mod buckets;
mod recipe;
mod request;

pub use buckets::{BUCKETS, MAX_SIDE, bucket, check_size, is_bucket};
pub use recipe::{
    ControlNote, InputNote, LoraNote, ModelNote, Recipe, StartNote, UpscaleNote, sampler_title,
};
pub use request::{GUIDANCE_SCALE, SAMPLER, SAMPLERS, STEPS, covering, painted, request, to_image};
