//! Rebuilds the crate when a file appears in, or leaves, the catalogue that it embeds.

fn main() {
    println!("cargo::rerun-if-changed=../../models");
}
