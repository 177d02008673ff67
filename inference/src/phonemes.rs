//! English text to phonemes.
