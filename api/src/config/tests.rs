//! Layering, ranges and messages of the configuration.

use super::*;
use reelsmith_inference_core::image::Sampler;
use std::collections::HashMap;

/// Loads `file` under `variables`; HOME is always set.
fn load(file: &str, variables: &[(&str, &str)], flags: Flags) -> Result<Config, String> {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("config.toml");
    std::fs::write(&path, file).expect("config file");
    let mut env: HashMap<&str, &str> = variables.iter().copied().collect();
    env.entry("HOME").or_insert("/home/someone");
    let flags = Flags { config: Some(path), ..flags };
    Config::layered(&flags, &|name| env.get(name).map(ToString::to_string)).map_err(|e| e.to_string())
}

fn refused(file: &str, variables: &[(&str, &str)]) -> String {
    load(file, variables, Flags::default()).expect_err("must be refused")
}

#[test]
fn defaults_hold_without_any_setting() {
    let config = load("", &[], Flags::default()).expect("defaults");
    assert_eq!(config.data_dir, Path::new("/home/someone/.local/share/reelsmith"));
    assert_eq!(config.models_dir, Path::new("/home/someone/.cache/reelsmith/models"));
    assert_eq!(config.server.listen, "127.0.0.1:8787".parse().expect("address"));
    assert_eq!(config.hub.endpoint, "https://huggingface.co");
    assert_eq!(config.blobs, BlobSettings::Local);
    assert!(!config.hub.offline && !config.commercial_use);
    assert!(config.device.memory > 0 && config.device.threads > 0);
}

#[test]
fn flags_beat_variables_beat_the_file() {
    let file = "models_dir = \"/file\"\ndata_dir = \"/file\"\n[device]\nthreads = 3\n";
    let variables = [("REELSMITH_MODELS_DIR", "/variable"), ("REELSMITH_DATA_DIR", "/variable")];
    let flags = Flags { data_dir: Some("/flag".into()), ..Flags::default() };
    let config = load(file, &variables, flags).expect("valid");
    assert_eq!(config.device.threads, 3);
    assert_eq!(config.models_dir, Path::new("/variable"));
    assert_eq!(config.data_dir, Path::new("/flag"));
}

#[test]
fn base_directories_follow_the_xdg_variables_when_absolute() {
    let variables = [("XDG_CACHE_HOME", "/cache"), ("XDG_DATA_HOME", "relative")];
    let config = load("", &variables, Flags::default()).expect("valid");
    assert_eq!(config.models_dir, Path::new("/cache/reelsmith/models"));
    assert_eq!(config.data_dir, Path::new("/home/someone/.local/share/reelsmith"));
}

#[test]
fn unknown_keys_are_refused_with_near_matches() {
    let message = refused("[device]\nthread = 3\n", &[]);
    assert!(message.contains("unknown setting device.thread in "), "{message}");
    assert!(message.contains("did you mean `device.threads`"), "{message}");
}

#[test]
fn a_value_out_of_range_names_key_origin_and_range() {
    let message = refused("", &[("REELSMITH_JOBS_SLOTS", "64")]);
    assert_eq!(
        message,
        "jobs.slots is set to \"64\" in the environment variable REELSMITH_JOBS_SLOTS; expected 1 to 16"
    );
    let message = refused("[device]\nmemory = \"12MiB\"", &[]);
    assert!(message.ends_with("expected 256MiB to 1024GiB"), "{message}");
    for (variable, value) in [
        ("REELSMITH_LISTEN", "here"),
        ("REELSMITH_LOG_FORMAT", "xml"),
        ("REELSMITH_COMMERCIAL_USE", "maybe"),
        ("REELSMITH_HUB_ENDPOINT", "ftp://x"),
        ("REELSMITH_SERVER_TIMEOUT_SECONDS", "0"),
        ("REELSMITH_DEVICE_THREADS", "-1"),
        ("REELSMITH_SERVER_HOSTS", "box.local:80"),
        ("REELSMITH_SERVER_HOSTS", "a,,b"),
    ] {
        let message = refused("", &[(variable, value)]);
        assert!(message.contains(variable) && message.contains("expected"), "{message}");
    }
}

#[test]
fn names_of_the_service_are_a_list_in_one_value() {
    let config = load("[server]\nhosts = \"box.local, studio\"", &[], Flags::default()).expect("valid");
    assert_eq!(config.server.hosts, ["box.local", "studio"]);
}

#[test]
fn s3_needs_all_its_parts_and_never_shows_its_keys() {
    assert!(refused("blobs = \"s3\"", &[]).contains("s3.endpoint"));
    let variables = [
        ("REELSMITH_BLOBS", "s3"),
        ("REELSMITH_S3_ENDPOINT", "http://minio:9000/"),
        ("REELSMITH_S3_BUCKET", "reelsmith"),
        ("REELSMITH_S3_ACCESS_KEY", "key"),
    ];
    assert!(refused("", &variables).contains("s3.secret_key"));
    let config = load("[s3]\nsecret_key = \"hush\"", &variables, Flags::default()).expect("whole");
    let shown = format!("{:?}", config.blobs);
    assert!(shown.contains("http://minio:9000,") && !shown.contains("hush"), "{shown}");
}

#[test]
fn the_hub_is_taken_from_the_usual_variable_unless_set_here() {
    let usual = ("HF_ENDPOINT", "https://mirror.example/");
    assert_eq!(load("", &[usual], Flags::default()).expect("valid").hub.endpoint, "https://mirror.example");
    let file = "[hub]\nendpoint = \"https://own.example\"";
    assert_eq!(load(file, &[usual], Flags::default()).expect("valid").hub.endpoint, "https://own.example");
}

#[test]
fn paths_in_the_file_are_relative_to_the_file() {
    let config = load("models_dir = \"models\"", &[], Flags::default()).expect("valid");
    assert!(config.models_dir.is_absolute() && config.models_dir.ends_with("models"));
}

#[test]
fn image_models_are_ids_or_paths() {
    let file = "image_model = \"models/own.safetensors\"\nupscale_model = \"realesrgan-x4plus\"\n\
                image_guidance = 0.0\nimage_sampler = \"lcm\"";
    let images = load(file, &[], Flags::default()).expect("valid").images;
    let model = images.model.expect("set");
    assert!(Path::new(&model).is_absolute() && model.ends_with("/models/own.safetensors"), "{model}");
    assert_eq!(images.upscaler.as_deref(), Some("realesrgan-x4plus"));
    assert_eq!((images.guidance_scale, images.steps, images.sampler), (0.0, 30, Sampler::Lcm));
    for (variable, value) in [
        ("REELSMITH_IMAGE_GUIDANCE", "NaN"),
        ("REELSMITH_IMAGE_GUIDANCE", "-1"),
        ("REELSMITH_IMAGE_SAMPLER", "plms"),
        ("REELSMITH_IMAGE_STEPS", "0"),
    ] {
        let message = refused("", &[(variable, value)]);
        assert!(message.contains(variable) && message.contains("expected"), "{message}");
    }
}

#[test]
fn broken_files_say_where() {
    assert!(refused("listen = ", &[]).contains("is not valid TOML"));
    let flags = Flags { config: Some("/nowhere/config.toml".into()), ..Flags::default() };
    let message = Config::layered(&flags, &|_| None).expect_err("missing").to_string();
    assert!(message.contains("/nowhere/config.toml"), "{message}");
}
