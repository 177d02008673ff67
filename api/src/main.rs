//! The `reelsmith` binary.
fn main() {}
