//! The published graph, edited in memory on its way to ONNX Runtime; the file stays as it is.
//!
//! Three edits. The phoneme durations become a second output, so that word times come with the sound. And
//! the weights stay where they are: each large tensor's bytes are replaced by their place in the file
//! (ONNX external data: location, offset, length), so that what ONNX Runtime parses is 1 MB in place of
//! 325, and the weights are mapped from the file, not copied (peak while loading fp32: 0.2 GB in place
//! of 1.0 GB). And the decoder's activation becomes one operator ([`super::fuse`]). Field numbers are those of `onnx.proto3` (ONNX 1.16).

use super::fuse::{Constant, Node, fused};
use reelsmith_graph::builder::REELSMITH;
use reelsmith_graph::wire::{Field, copy, delimited, fields, number, packed};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// The value that holds how long each symbol lasts, in frames of [`FRAME_SAMPLES`]: in the fp32, fp16 and q8 graphs of
/// Kokoro-82M, and in those of its students.
pub(super) const KOKORO: &str = "/encoder/Clip_output_0";
pub(super) const STUDENT: &str = "/Clip_output_0";

/// The output that the edit adds: int64, one number a symbol.
pub(super) const DURATIONS: &str = "durations";

/// Samples of one duration frame, at 24 kHz: 25 ms.
pub(super) const FRAME_SAMPLES: usize = 600;

/// Smaller tensors stay in the graph: ONNX Runtime reads shapes and constants from them while it loads.
const LEAST_BYTES: u64 = 1024;

const MODEL_GRAPH: u64 = 7;
const MODEL_OPSET: u64 = 8;
const GRAPH_NODE: u64 = 1;
const GRAPH_INITIALIZER: u64 = 5;
const GRAPH_OUTPUT: u64 = 12;
const TENSOR_DIMS: u64 = 1;
const TENSOR_DATA_TYPE: u64 = 2;
const TENSOR_NAME: u64 = 8;
const TENSOR_RAW_DATA: u64 = 9;
const TENSOR_EXTERNAL_DATA: u64 = 13;
const TENSOR_DATA_LOCATION: u64 = 14;
/// `TensorProto.DataLocation.EXTERNAL`, `TensorProto.DataType.FLOAT` and `INT64`, `AttributeProto.AttributeType.INT`.
const EXTERNAL: u64 = 1;
const FLOAT: u64 = 1;
const INT64: u64 = 7;
const ATTRIBUTE_INT: u64 = 2;

/// The edited graph of the file at `path`, serialised, with the value `clipped` as its durations. Its external data
/// lies in the file of that name, in whatever directory the session is told.
///
/// # Errors
/// `InvalidData` if the file is no protobuf message, and whatever the file answers.
pub(super) fn edited(path: &Path, clipped: &str) -> io::Result<Vec<u8>> {
    let location = path.file_name().and_then(|name| name.to_str());
    let location = location.ok_or_else(|| io::Error::other("the file's name is not UTF-8"))?;
    let mut file = BufReader::new(File::open(path)?);
    let length = file.get_ref().metadata()?.len();
    let mut model = Vec::new();
    for field in fields(&mut file, 0, length)? {
        if field.number == MODEL_GRAPH && field.is_delimited {
            let mut graph = edited_graph(&mut file, field, location)?;
            graph.extend(durations_output(clipped));
            model.extend(delimited(MODEL_GRAPH, &graph));
        } else {
            copy(&mut file, field.start, field.end, &mut model)?;
        }
    }
    // OperatorSetIdProto: domain = 1, version = 2.
    let domain = [delimited(1, REELSMITH.as_bytes()), number(2, 1)].concat();
    model.extend(delimited(MODEL_OPSET, &domain));
    Ok(model)
}

/// A `GraphProto` whose large initialisers refer to the file, and whose nodes are fused.
fn edited_graph(file: &mut BufReader<File>, graph: Field, location: &str) -> io::Result<Vec<u8>> {
    let (mut out, mut nodes, mut constants) = (Vec::new(), Vec::new(), HashMap::new());
    for field in fields(file, graph.payload, graph.end)? {
        match field.number {
            GRAPH_NODE => {
                let mut bytes = Vec::new();
                copy(file, field.payload, field.end, &mut bytes)?;
                nodes.push(Node::parse(bytes)?);
            }
            // Our operator reads them as f32 slices, which the file does not align.
            GRAPH_INITIALIZER if let Some(found) = constant(file, field)? => {
                constants.extend([found]);
                copy(file, field.start, field.end, &mut out)?;
            }
            GRAPH_INITIALIZER => {
                out.extend(delimited(GRAPH_INITIALIZER, &tensor(file, field, location)?));
            }
            _ => copy(file, field.start, field.end, &mut out)?,
        }
    }
    for node in fused(nodes, &constants) {
        out.extend(delimited(GRAPH_NODE, &node.into_bytes()));
    }
    Ok(out)
}

/// The name of a `TensorProto` and what fusing needs to know of it, if it is one of those.
fn constant(file: &mut BufReader<File>, tensor: Field) -> io::Result<Option<(String, Constant)>> {
    let (mut dims, mut name, mut data, mut kind) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for field in fields(file, tensor.payload, tensor.end)? {
        match field.number {
            TENSOR_DIMS if field.is_delimited => dims.extend(packed(file, field.payload, field.end)?),
            TENSOR_DIMS => dims.push(field.value),
            TENSOR_DATA_TYPE => kind = field.value,
            TENSOR_NAME => copy(file, field.payload, field.end, &mut name)?,
            TENSOR_RAW_DATA if field.end - field.payload == 4 => {
                copy(file, field.payload, field.end, &mut data)?;
            }
            _ => {}
        }
    }
    let constant = match dims.as_slice() {
        [1, _, 1] if kind == FLOAT => Some(Constant::Channels),
        [] if kind == FLOAT && data == 2f32.to_le_bytes() => Some(Constant::Two),
        _ => None,
    };
    Ok(constant.zip(String::from_utf8(name).ok()).map(|(constant, name)| (name, constant)))
}

/// A `TensorProto`, its raw data by reference if there is much of it.
fn tensor(file: &mut BufReader<File>, tensor: Field, location: &str) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    for field in fields(file, tensor.payload, tensor.end)? {
        let bytes = field.end - field.payload;
        // Some files say that the data is embedded, after it: of two such fields the last one counts.
        if field.number == TENSOR_DATA_LOCATION && field.value != EXTERNAL {
            continue;
        }
        if field.number != TENSOR_RAW_DATA || bytes < LEAST_BYTES {
            copy(file, field.start, field.end, &mut out)?;
            continue;
        }
        let (offset, bytes) = (field.payload.to_string(), bytes.to_string());
        for (key, value) in [("location", location), ("offset", &offset), ("length", &bytes)] {
            // StringStringEntryProto: key = 1, value = 2.
            let entry = [delimited(1, key.as_bytes()), delimited(2, value.as_bytes())].concat();
            out.extend(delimited(TENSOR_EXTERNAL_DATA, &entry));
        }
        out.extend(number(TENSOR_DATA_LOCATION, EXTERNAL));
    }
    Ok(out)
}

/// Fields of a `GraphProto` that add the output [`DURATIONS`]: a cast, so that the three precisions
/// answer alike, and its output, whose type ONNX Runtime infers.
fn durations_output(clipped: &str) -> Vec<u8> {
    // AttributeProto: name = 1, i = 3, type = 20.
    let to = [delimited(1, b"to"), number(3, INT64), number(20, ATTRIBUTE_INT)].concat();
    // NodeProto: input = 1, output = 2, name = 3, op_type = 4, attribute = 5.
    let node = [
        delimited(1, clipped.as_bytes()),
        delimited(2, DURATIONS.as_bytes()),
        delimited(3, b"durations_as_int64"),
        delimited(4, b"Cast"),
        delimited(5, &to),
    ]
    .concat();
    // ValueInfoProto: name = 1.
    let output = delimited(1, DURATIONS.as_bytes());
    [delimited(GRAPH_NODE, &node), delimited(GRAPH_OUTPUT, &output)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model of one node, one small and one large initialiser, each with a name (8) and raw data.
    fn model() -> Vec<u8> {
        let tensor = |name: &[u8], bytes: &[u8]| {
            let tensor = [delimited(8, name), delimited(TENSOR_RAW_DATA, bytes)].concat();
            delimited(GRAPH_INITIALIZER, &tensor)
        };
        let node = delimited(GRAPH_NODE, &delimited(4, b"Relu"));
        let graph = [node, tensor(b"small", &[1; 8]), tensor(b"large", &[7; 5000])].concat();
        [number(1, 9), delimited(MODEL_GRAPH, &graph)].concat()
    }

    #[test]
    fn large_weights_stay_in_the_file_and_everything_else_is_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("tiny.onnx");
        let original = model();
        std::fs::write(&path, &original).unwrap();
        let edited = edited(&path, KOKORO).unwrap();
        assert!(edited.len() < 400);
        let has = |needle: &[u8]| edited.windows(needle.len()).any(|window| window == needle);
        assert!(edited.starts_with(&number(1, 9)));
        assert!(has(&[1; 8]) && has(b"small") && has(b"large") && has(b"tiny.onnx") && has(b"durations"));
        assert!(!has(&[7; 8]));
        // The place that is written down is where the bytes are.
        let offset = original.windows(5000).position(|window| window == [7; 5000]).unwrap();
        assert!(has(&delimited(2, offset.to_string().as_bytes())) && has(&delimited(2, b"5000")));
    }

    #[test]
    fn a_cut_off_file_is_an_error() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("cut.onnx");
        let whole = model();
        for length in [1, 3, 20, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(edited(&path, KOKORO).is_err(), "{length} bytes");
        }
    }
}
