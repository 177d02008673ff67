//! The messages of `onnx.proto3` (ONNX 1.16) that a graph is made of, written field by field.

use crate::wire::{delimited, float, number, packed_numbers};

/// IR version 10 belongs to ONNX 1.16, which has operator set 21; set 20 has all that is used here.
const IR_VERSION: u64 = 10;
const OPERATOR_SET: u64 = 20;
/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: u64 = 1;

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// 16-bit float of IEEE 754.
    F16,
    /// 16-bit float with the exponent of a 32-bit one.
    Bf16,
    /// 64-bit signed.
    I64,
    /// 32-bit signed.
    I32,
    /// 16-bit signed.
    I16,
    /// 64-bit float.
    F64,
    /// One byte of any kind.
    Byte,
}

impl Element {
    /// `TensorProto.DataType`.
    pub(crate) fn code(self) -> u64 {
        match self {
            Self::F32 => 1,
            Self::I64 => 7,
            Self::F16 => 10,
            Self::Bf16 => 16,
            Self::I32 => 6,
            Self::I16 => 5,
            Self::F64 => 11,
            Self::Byte => 2,
        }
    }

    /// Whether networks compute with it; others only mark or count something.
    pub fn is_weight(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }

    /// Bytes of one element.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I64 | Self::F64 => 8,
            Self::Byte => 1,
        }
    }
}

/// One extent of an input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dim {
    /// Known when the graph is written.
    Fixed(usize),
    /// Known when it runs; extents of one name are equal.
    Named(&'static str),
    /// Nothing is known of it.
    Any,
}

impl From<usize> for Dim {
    fn from(extent: usize) -> Self {
        Self::Fixed(extent)
    }
}

impl From<&'static str> for Dim {
    fn from(name: &'static str) -> Self {
        Self::Named(name)
    }
}

/// `AttributeProto`.
#[derive(Debug, Clone)]
pub enum Attribute {
    /// FLOAT
    Float(f32),
    /// INT
    Int(i64),
    /// STRING
    Text(&'static str),
    /// INTS
    Ints(Vec<i64>),
}

impl Attribute {
    pub(crate) fn write(&self, name: &str) -> Vec<u8> {
        let mut bytes = delimited(1, name.as_bytes());
        let (value, kind) = match self {
            Self::Float(value) => (float(2, *value), 1),
            Self::Int(value) => (number(3, *value as u64), 2),
            Self::Text(value) => (delimited(4, value.as_bytes()), 3),
            Self::Ints(values) => (values.iter().flat_map(|v| number(8, *v as u64)).collect(), 7),
        };
        bytes.extend(value);
        bytes.extend(number(20, kind));
        bytes
    }
}

/// `NodeProto`, as the payload of a graph's `node` field.
pub(crate) fn node(
    domain: &str,
    operator: &str,
    name: &str,
    (inputs, outputs): (&[&str], &[&str]),
    attributes: &[(&str, Attribute)],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    inputs.iter().for_each(|input| bytes.extend(delimited(1, input.as_bytes())));
    outputs.iter().for_each(|output| bytes.extend(delimited(2, output.as_bytes())));
    bytes.extend(delimited(3, name.as_bytes()));
    bytes.extend(delimited(4, operator.as_bytes()));
    attributes.iter().for_each(|(name, value)| bytes.extend(delimited(5, &value.write(name))));
    if !domain.is_empty() {
        bytes.extend(delimited(7, domain.as_bytes()));
    }
    bytes
}

/// `TensorProto` with its bytes in the message.
pub(crate) fn tensor(name: &str, element: Element, shape: &[i64], raw: &[u8]) -> Vec<u8> {
    [tensor_head(name, element, shape), delimited(9, raw)].concat()
}

/// `TensorProto` whose bytes are `length` bytes at `offset` of the file `location`.
pub(crate) fn external(
    name: &str,
    element: Element,
    shape: &[i64],
    (location, offset, length): (&str, u64, u64),
) -> Vec<u8> {
    let entry = |key: &str, value: &str| {
        delimited(13, &[delimited(1, key.as_bytes()), delimited(2, value.as_bytes())].concat())
    };
    let mut bytes = tensor_head(name, element, shape);
    bytes.extend(entry("location", location));
    bytes.extend(entry("offset", &offset.to_string()));
    bytes.extend(entry("length", &length.to_string()));
    bytes.extend(number(14, EXTERNAL));
    bytes
}

fn tensor_head(name: &str, element: Element, shape: &[i64]) -> Vec<u8> {
    [packed_numbers(1, shape), number(2, element.code()), delimited(8, name.as_bytes())].concat()
}

/// `ValueInfoProto`.
pub(crate) fn value_info(name: &str, element: Element, shape: &[Dim]) -> Vec<u8> {
    let dims: Vec<u8> = shape
        .iter()
        .flat_map(|dim| match dim {
            Dim::Fixed(extent) => delimited(1, &number(1, *extent as u64)),
            Dim::Named(name) => delimited(1, &delimited(2, name.as_bytes())),
            Dim::Any => delimited(1, &[]),
        })
        .collect();
    let tensor = [number(1, element.code()), delimited(2, &dims)].concat();
    [delimited(1, name.as_bytes()), delimited(2, &delimited(1, &tensor))].concat()
}

/// The parts of a graph, each the payload of its field.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) nodes: Vec<Vec<u8>>,
    pub(crate) initializers: Vec<Vec<u8>>,
    pub(crate) inputs: Vec<Vec<u8>>,
    pub(crate) outputs: Vec<Vec<u8>>,
}

/// `ModelProto`.
pub(crate) fn model(name: &str, parts: &Parts, domains: &[&str]) -> Vec<u8> {
    let mut graph = Vec::new();
    parts.nodes.iter().for_each(|node| graph.extend(delimited(1, node)));
    graph.extend(delimited(2, name.as_bytes()));
    parts.initializers.iter().for_each(|tensor| graph.extend(delimited(5, tensor)));
    parts.inputs.iter().for_each(|input| graph.extend(delimited(11, input)));
    parts.outputs.iter().for_each(|output| graph.extend(delimited(12, output)));
    let set =
        |domain: &str, version| delimited(8, &[delimited(1, domain.as_bytes()), number(2, version)].concat());
    let mut model = [number(1, IR_VERSION), delimited(2, b"reelsmith"), delimited(7, &graph)].concat();
    model.extend(set("", OPERATOR_SET));
    domains.iter().for_each(|domain| model.extend(set(domain, 1)));
    model
}
