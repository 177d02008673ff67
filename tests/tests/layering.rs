//! Data flows one way through the house; this test fails when a dependency points elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The arrows of ARCHITECTURE.md: a crate may use these of ours, and no other.
const ALLOWED: &[(&str, &[&str])] = &[
    (
        "reelsmith",
        &[
            "reelsmith-inference",
            "reelsmith-inference-core",
            "reelsmith-media",
            "reelsmith-pipelines",
            "reelsmith-scheduler",
            "reelsmith-storage",
        ],
    ),
    (
        "reelsmith-pipelines",
        &["reelsmith-inference-core", "reelsmith-media", "reelsmith-scheduler", "reelsmith-storage"],
    ),
    ("reelsmith-media", &[]),
    ("reelsmith-scheduler", &["reelsmith-inference-core"]),
    ("reelsmith-inference", &["reelsmith-graph", "reelsmith-inference-core"]),
    ("reelsmith-graph", &["reelsmith-inference-core"]),
    ("reelsmith-inference-core", &[]),
    ("reelsmith-storage", &[]),
    ("reelsmith-benches-scheduler", &["reelsmith-inference-core", "reelsmith-scheduler"]),
];

/// Crates that only one room may name, because the others must build without what they bring.
const CONFINED: &[(&str, &[&str])] = &[
    ("ort", &["reelsmith-inference"]),
    ("misaki-rs", &["reelsmith-inference"]),
    ("object_store", &["reelsmith-storage"]),
    ("axum", &["reelsmith"]),
    ("clap", &["reelsmith", "reelsmith-benches", "reelsmith-benches-scheduler"]),
    ("duroxide", &["reelsmith-pipelines"]),
    ("cosmic-text", &["reelsmith-media"]),
];

/// Direct, non-development dependencies by workspace member.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(reelsmith_tests::root())
        .output()
        .expect("cargo metadata starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
    let of = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().expect("an array");
        all.iter().filter(|d| d["kind"].is_null()).map(|d| text(&d["name"])).collect()
    };
    let packages = metadata["packages"].as_array().expect("an array");
    packages.iter().map(|package| (text(&package["name"]), of(package))).collect()
}

#[test]
fn arrows_point_one_way() {
    let dependencies = dependencies();
    for (package, allowed) in ALLOWED {
        let used =
            dependencies.get(*package).unwrap_or_else(|| panic!("{package} is gone from the workspace"));
        for name in used.iter().filter(|name| name.starts_with("reelsmith")) {
            assert!(
                allowed.contains(&name.as_str()),
                "{package} must not depend on {name}: see ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn engines_and_stores_stay_in_their_rooms() {
    for (package, used) in dependencies() {
        for (name, rooms) in CONFINED {
            let inside = rooms.contains(&package.as_str());
            assert!(
                inside || !used.contains(*name),
                "{package} must not depend on {name}: only {rooms:?} may"
            );
        }
    }
}

#[test]
fn every_room_is_on_the_map() {
    for package in
        dependencies().keys().filter(|name| !matches!(name.as_str(), "reelsmith-tests" | "reelsmith-benches"))
    {
        assert!(
            ALLOWED.iter().any(|(name, _)| name == package),
            "{package} has no arrows yet: add them here"
        );
    }
}
