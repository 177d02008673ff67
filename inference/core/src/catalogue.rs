//! The models there are: the files of `models/`, parsed and validated.

use serde::{Deserialize, Serialize};

/// A model's name in the catalogue, for example `kokoro-82m-fp32`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelId(pub String);
