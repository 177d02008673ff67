//! Files that are damaged, made to harm, or of the wrong kind.

use super::{graphs, scratch, whole};
use crate::support::checkpoint::Tensors;
use reelsmith_inference::diffusion::checkpoint::Checkpoint;
use reelsmith_inference_core::{ErrorKind, InferenceError};
use safetensors::Dtype;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

const TENSOR: &str = "model.diffusion_model.middle_block.1.proj_in.weight";
/// The same as the graph names it.
const NAMED: &str = "mid_block.attentions.0.proj_in.weight";

/// What is said when the file is opened and its graphs are written.
#[track_caller]
fn refused(path: &Path) -> InferenceError {
    let graphs = Checkpoint::open(path, None).and_then(|checkpoint| graphs(&checkpoint));
    graphs.map(|_| ()).expect_err("it is refused")
}

/// Asks that `path` be refused as damaged, by name, and that all of `told` be said.
#[track_caller]
fn assert_told(path: &Path, told: &[&str]) {
    let error = refused(path);
    assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{error}");
    let message = error.to_string();
    assert!(message.contains(path.to_str().expect("a path in UTF-8")), "{message}");
    for told in told {
        assert!(message.contains(told), "`{told}` is not in: {message}");
    }
}

/// A file of this header, written as it is, and so many bytes of zeros.
fn file(path: &Path, header: &[u8], data: u64) {
    let mut file = File::create(path).expect("a file is made");
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("its length is written");
    file.write_all(header).expect("its header is written");
    file.set_len(8 + header.len() as u64 + data).expect("it is as long");
}

fn entry(shape: &[u64], offsets: [u64; 2]) -> Value {
    json!({"dtype": "F32", "shape": shape, "data_offsets": offsets})
}

#[test]
fn a_tensor_that_is_missing_extra_or_of_another_shape_is_named() {
    let scratch = scratch();
    let path = scratch.path().join("model.safetensors");
    let mut tensors = whole();
    let (dtype, shape, bytes) = tensors.take(TENSOR);
    tensors.write(&path);
    assert_told(&path, &[NAMED, "missing"]);
    tensors.raw(TENSOR, dtype, &[shape[0] / 2, shape[1] * 2], bytes.clone());
    tensors.write(&path);
    assert_told(&path, &[NAMED, &format!("{shape:?}"), &format!("{:?}", [shape[0] / 2, shape[1] * 2])]);
    tensors.raw(TENSOR, dtype, &shape, bytes);
    tensors.write(&path);
    graphs(&Checkpoint::open(&path, None).unwrap()).unwrap();
    for extra in ["model.diffusion_model.middle_block.1.extra.weight", "first_stage_model.extra.weight"] {
        tensors.floats(extra, &[2], &[0.0; 2]);
        tensors.write(&path);
        assert_told(&path, &["extra.weight", "no layer"]);
        tensors.take(extra);
    }
    tensors.floats("something.else", &[2], &[0.0; 2]);
    tensors.write(&path);
    assert_told(&path, &["something.else", "no part"]);
}

#[test]
fn any_tensor_may_be_missing_and_none_goes_unnoticed() {
    let scratch = scratch();
    let path = scratch.path().join("model.safetensors");
    let tensors = whole();
    // Holes for the numbers: no graph reads them.
    let opened = |missing: &str| {
        let (mut header, mut data) = (json!({}), 0);
        for (name, shape, bytes) in tensors.extents().filter(|(name, ..)| *name != missing) {
            let dtype = if name.ends_with("position_ids") { "I64" } else { "F32" };
            header[name] = json!({"dtype": dtype, "shape": shape, "data_offsets": [data, data + bytes]});
            data += bytes;
        }
        file(&path, header.to_string().as_bytes(), data);
        Checkpoint::open(&path, None).and_then(|checkpoint| graphs(&checkpoint))
    };
    opened("").expect("a whole one");
    let beside = ["denoiser.sigmas", "logit_scale", "position_ids"];
    let needed = tensors.names().filter(|name| !beside.iter().any(|end| name.ends_with(end)));
    let unnoticed: Vec<&str> = needed.filter(|name| opened(name).is_ok()).collect();
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let scratch = scratch();
    let path = scratch.path().join("model.safetensors");
    whole().write(&path);
    let length = fs::metadata(&path).unwrap().len();
    for left in [length - 1, length - 4096, length / 2, 100_000, 5000, 9, 8, 7, 1, 0] {
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(left).unwrap();
        assert_told(&path, &["no usable safetensors file"]);
    }
    whole().write(&path);
    File::options().append(true).open(&path).unwrap().write_all(&[0; 3]).unwrap();
    assert_told(&path, &["damaged"]);
}

#[test]
fn a_header_that_lies_is_refused_before_anything_is_read_by_it() {
    let scratch = scratch();
    let path = scratch.path().join("model.safetensors");
    let peta = 1u64 << 50;
    for (what, header, data) in [
        ("an overlap", json!({"a": entry(&[4], [0, 16]), "b": entry(&[4], [8, 24])}), 24),
        ("a gap", json!({"a": entry(&[4], [0, 16]), "b": entry(&[4], [20, 36])}), 36),
        ("beyond the end", json!({"a": entry(&[4], [0, 16])}), 12),
        ("backwards", json!({"a": entry(&[4], [16, 0])}), 16),
        ("another shape", json!({"a": entry(&[5], [0, 16])}), 16),
        ("petabytes", json!({"a": entry(&[peta], [0, 4 * peta])}), 16),
        ("more than can be counted", json!({"a": entry(&[1 << 40, 1 << 40], [0, 16])}), 16),
        ("an end that cannot be counted", json!({"a": entry(&[4], [u64::MAX - 15, u64::MAX])}), 16),
        ("no object", json!([1, 2]), 16),
        ("an unknown type", json!({"a": {"dtype": "F7", "shape": [4], "data_offsets": [0, 16]}}), 16),
        ("no tensor", json!({}), 0),
    ] {
        file(&path, header.to_string().as_bytes(), data);
        let error = refused(&path);
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{what}: {error}");
    }
    for header in [&b"\xff\xfe{}"[..], b"{\"a\":", b"", b"null"] {
        file(&path, header, 0);
        assert_eq!(refused(&path).kind(), ErrorKind::ModelCorrupt);
    }
    let deep = "[".repeat(1 << 20);
    file(&path, deep.as_bytes(), 0);
    assert_eq!(refused(&path).kind(), ErrorKind::ModelCorrupt);
}

#[test]
fn a_header_longer_than_the_format_allows_is_not_read() {
    let scratch = scratch();
    let path = scratch.path().join("model.safetensors");
    for announced in [100_000_001u64, 1 << 40, u64::MAX, u64::MAX - 7] {
        let mut file = File::create(&path).unwrap();
        file.write_all(&announced.to_le_bytes()).unwrap();
        // Holes: nothing lies on the disk.
        file.set_len(200_000_000).unwrap();
        assert_told(&path, &[&announced.to_string()]);
    }
}

#[test]
fn pickled_files_are_never_opened_and_the_remedy_is_told() {
    let scratch = scratch();
    let zip = scratch.path().join("model.ckpt");
    fs::write(&zip, b"PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl").unwrap();
    let raw = scratch.path().join("model.pth");
    // protocol 2: what older versions of torch.save write.
    fs::write(&raw, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.").unwrap();
    let short = scratch.path().join("short.pt");
    fs::write(&short, b"\x80\x02.").unwrap();
    let renamed = scratch.path().join("renamed.safetensors");
    fs::copy(&zip, &renamed).unwrap();
    let newer = scratch.path().join("newer.bin");
    fs::write(&newer, b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94.").unwrap();
    for path in [zip, raw, short, renamed, newer] {
        assert_told(&path, &["pickled", "`.safetensors` file of the same model"]);
    }
    let folder = scratch.path().join("folder");
    let case = &crate::support::cases::cases("checkpoint")[0];
    crate::layouts::write_folder(&folder, case, Dtype::F32, |_, _, _| ());
    let text = folder.join("text_encoder");
    fs::rename(text.join("model.safetensors"), text.join("pytorch_model.bin")).unwrap();
    let message = refused(&folder).to_string();
    assert!(message.contains("pytorch_model.bin") && message.contains("pickled"), "{message}");
}

#[test]
fn a_header_whose_length_looks_like_a_pickle_is_read() {
    let scratch = scratch();
    let path = scratch.path().join("model.safetensors");
    // Lengths are written from the least byte: 80 02 … 80 05, and 50 4b 03 04.
    for length in [0x280, 0x380, 0x480, 0x580, 0x0403_4b50] {
        let mut header = json!({"odd.name": entry(&[4], [0, 16])}).to_string().into_bytes();
        header.resize(length, b' ');
        file(&path, &header, 16);
        assert_told(&path, &["odd.name"]);
    }
}

#[test]
fn types_that_nothing_computes_with_are_refused_by_name() {
    let scratch = scratch();
    let path = scratch.path().join("model.safetensors");
    let mut tensors = whole();
    let (_, shape, bytes) = tensors.take(TENSOR);
    // The least bytes of each number, as a quantised file has them.
    let quarter = bytes.chunks(4).map(|number| number[0]).collect();
    tensors.raw(TENSOR, Dtype::F8_E4M3, &shape, quarter);
    tensors.write(&path);
    assert_told(&path, &[TENSOR, "F8_E4M3"]);
    let mut whole_numbers = whole();
    let (_, shape, bytes) = whole_numbers.take(TENSOR);
    whole_numbers.raw(TENSOR, Dtype::I32, &shape, bytes);
    whole_numbers.write(&path);
    assert_told(&path, &[NAMED]);
}

#[test]
fn an_index_that_points_elsewhere_is_refused() {
    let scratch = scratch();
    let folder = scratch.path().join("folder");
    let case = &crate::support::cases::cases("checkpoint")[0];
    crate::layouts::write_folder(&folder, case, Dtype::F32, |_, _, _| ());
    let index = folder.join("unet/diffusion_pytorch_model.safetensors.index.json");
    for name in ["../vae/diffusion_pytorch_model.safetensors", "/etc/passwd", "..", "a/b.safetensors", ""] {
        crate::layouts::write_json(&index, &json!({"weight_map": {"conv_in.weight": name}}));
        let error = refused(&folder);
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{name}: {error}");
        assert!(error.to_string().contains("no file beside it"), "{error}");
    }
    crate::layouts::write_json(&index, &json!({"weight_map": {"conv_in.weight": "absent.safetensors"}}));
    let error = refused(&folder);
    assert_eq!(error.kind(), ErrorKind::ModelMissing, "{error}");
    assert!(error.to_string().contains("absent.safetensors"), "{error}");
}

#[test]
fn what_is_not_there_is_missing_and_not_damaged() {
    let scratch = scratch();
    for path in [scratch.path().join("absent.safetensors"), scratch.path().join("absent/")] {
        let error = refused(&path);
        assert_eq!(error.kind(), ErrorKind::ModelMissing, "{error}");
    }
    assert_eq!(refused(scratch.path()).kind(), ErrorKind::ModelMissing);
    let mut empty = Tensors::default();
    empty.about("format", "pt");
    let path = scratch.path().join("empty.safetensors");
    empty.write(&path);
    assert_told(&path, &["no tensors"]);
}
