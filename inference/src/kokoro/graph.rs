//! The one edit that the published graph needs: its phoneme durations as a second output.
//!
//! A protobuf message may be followed by further fields of itself; a parser merges them (Protocol
//! Buffers encoding, "Last One Wins": embedded messages are merged, repeated fields concatenated). So
//! the bytes of `ModelProto { graph { node { … } output { … } } }` after the bytes of the model add a
//! node and an output without parsing 325 MB and without a converted copy on disk. The node casts to
//! int64, so that the three precisions answer alike; ONNX Runtime infers the output's type from it.

/// The value that holds how long each symbol lasts, in frames of [`FRAME_SAMPLES`]; it has the same name
/// in the fp32, fp16 and q8 graphs.
const CLIPPED: &str = "/encoder/Clip_output_0";

/// The output that the edit adds: int64, one number a symbol.
pub(crate) const DURATIONS: &str = "durations";

/// Samples of one duration frame, at 24 kHz: 25 ms.
pub(crate) const FRAME_SAMPLES: usize = 600;

/// `TensorProto.DataType.INT64` and `AttributeProto.AttributeType.INT` in `onnx.proto3`.
const INT64: u8 = 7;
const ATTRIBUTE_INT: u8 = 2;

/// Bytes that, appended to a serialised Kokoro graph, add the output [`DURATIONS`]. The field numbers
/// are those of `onnx.proto3`.
pub(crate) fn durations_output() -> Vec<u8> {
    // AttributeProto: name = 1, i = 3 (varint), type = 20 (varint, so the key takes two bytes).
    let to = [field(1, b"to"), vec![3 << 3, INT64], vec![0xa0, 0x01, ATTRIBUTE_INT]].concat();
    // NodeProto: input = 1, output = 2, name = 3, op_type = 4, attribute = 5.
    let node = [
        field(1, CLIPPED.as_bytes()),
        field(2, DURATIONS.as_bytes()),
        field(3, b"durations_as_int64"),
        field(4, b"Cast"),
        field(5, &to),
    ]
    .concat();
    // ValueInfoProto: name = 1. GraphProto: node = 1, output = 12. ModelProto: graph = 7.
    let output = field(1, DURATIONS.as_bytes());
    field(7, &[field(1, &node), field(12, &output)].concat())
}

/// One length-delimited protobuf field (wire type 2); field numbers below 16.
fn field(number: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = payload.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_lengths_as_varints() {
        assert_eq!(field(7, b"ab"), [0x3a, 2, b'a', b'b']);
        let long = field(1, &[0; 300]);
        assert_eq!(long[..3], [0x0a, 0xac, 0x02]);
        assert_eq!(long.len(), 303);
    }
}
