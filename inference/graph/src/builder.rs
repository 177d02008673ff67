//! A graph as it grows: values, nodes, constants and weights.

use crate::proto::{self, Parts};
use crate::target::Target;
use crate::weights::{Adapter, Tensor};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

pub use crate::proto::{Attribute, Dim, Element};

/// ONNX Runtime's own operators.
pub const MICROSOFT: &str = "com.microsoft";
/// Operators that the engine room brings along.
pub const REELSMITH: &str = "reelsmith";

/// What a node takes and makes: an input, a weight, a constant, or another node's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value(usize);

/// A finished graph.
#[derive(Debug, Clone)]
pub struct Model {
    /// An ONNX model. The locations of its external data are paths from the root of the file system.
    pub onnx: Vec<u8>,
    /// Bytes of weights that it refers to.
    pub weight_bytes: u64,
    /// Bytes that those weights take in the numbers the target computes with.
    pub computed_bytes: u64,
}

/// A graph being written.
pub struct Graph {
    target: Target,
    name: String,
    parts: Parts,
    names: Vec<String>,
    domains: BTreeSet<&'static str>,
    constants: HashMap<(Vec<u8>, Vec<i64>), Value>,
    weights: HashMap<(String, Vec<i64>), Value>,
    weight_bytes: u64,
    computed_bytes: u64,
    scope: Vec<String>,
}

impl Graph {
    /// An empty graph.
    pub fn new(name: &str, target: Target) -> Self {
        Self {
            target,
            name: name.to_owned(),
            parts: Parts::default(),
            names: Vec::new(),
            domains: BTreeSet::new(),
            constants: HashMap::new(),
            weights: HashMap::new(),
            weight_bytes: 0,
            computed_bytes: 0,
            scope: Vec::new(),
        }
    }

    /// What it is written for.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Writes `part` with `name` in front of its nodes' names, which profiles show.
    pub fn scoped<T>(&mut self, name: &str, part: impl FnOnce(&mut Self) -> T) -> T {
        self.scope.push(name.to_owned());
        let made = part(self);
        self.scope.pop();
        made
    }

    /// Adds an input of the graph; floats are taken in f32 whatever the target computes with.
    pub fn input(&mut self, name: &str, element: Element, shape: &[Dim]) -> Value {
        self.parts.inputs.push(proto::value_info(name, element, shape));
        let input = self.named(name.to_owned());
        if element == Element::F32 { self.computed(input, element) } else { input }
    }

    /// Adds an input of f32 that stays f32 whatever the target computes with.
    pub fn wide_input(&mut self, name: &str, shape: &[Dim]) -> Value {
        self.parts.inputs.push(proto::value_info(name, Element::F32, shape));
        self.named(name.to_owned())
    }

    /// `value`, which is f32, in the numbers that the target computes with.
    pub fn narrowed(&mut self, value: Value) -> Value {
        self.computed(value, Element::F32)
    }

    /// `value`, which is in the numbers that the target computes with, in f32.
    pub fn widened(&mut self, value: Value) -> Value {
        if self.target.compute == Element::F32 { value } else { self.cast(value, Element::F32) }
    }

    /// Makes `value` an output of the graph in f32, under `name`.
    pub fn output(&mut self, name: &str, value: Value, shape: &[Dim]) {
        self.parts.outputs.push(proto::value_info(name, Element::F32, shape));
        let output = self.named(name.to_owned());
        // From f32 to f32 it is an identity, which the engine takes out.
        let attributes = [("to", Attribute::Int(Element::F32.code() as i64))];
        self.push("", "Cast", &[value], &[output], &attributes);
    }

    /// Adds a node of one output.
    pub fn node(&mut self, operator: &str, inputs: &[Value], attributes: &[(&str, Attribute)]) -> Value {
        self.node_of("", operator, inputs, attributes)
    }

    /// Adds a node of one output whose operator belongs to `domain`.
    pub fn node_of(
        &mut self,
        domain: &'static str,
        operator: &str,
        inputs: &[Value],
        attributes: &[(&str, Attribute)],
    ) -> Value {
        let output = self.fresh();
        self.push(domain, operator, inputs, &[output], attributes);
        output
    }

    /// Adds a node of `count` outputs whose operator belongs to `domain`.
    pub fn nodes_of(
        &mut self,
        domain: &'static str,
        operator: &str,
        inputs: &[Value],
        count: usize,
        attributes: &[(&str, Attribute)],
    ) -> Vec<Value> {
        let outputs: Vec<Value> = (0..count).map(|_| self.fresh()).collect();
        self.push(domain, operator, inputs, &outputs, attributes);
        outputs
    }

    /// Stands for an input that a node leaves out.
    pub fn nothing(&mut self) -> Value {
        self.named(String::new())
    }

    fn push(
        &mut self,
        domain: &'static str,
        operator: &str,
        inputs: &[Value],
        outputs: &[Value],
        attributes: &[(&str, Attribute)],
    ) {
        if !domain.is_empty() {
            self.domains.insert(domain);
        }
        let text = |values: &[Value]| values.iter().map(|v| self.names[v.0].as_str()).collect::<Vec<_>>();
        let name = format!("{}/{operator}_{}", self.scope.join("/"), self.parts.nodes.len());
        let node = proto::node(domain, operator, &name, (&text(inputs), &text(outputs)), attributes);
        self.parts.nodes.push(node);
    }

    /// Whole numbers, as shapes and axes take them.
    pub fn ints(&mut self, values: &[i64]) -> Value {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(Element::I64, &[values.len() as i64], raw)
    }

    /// A single number in the target's type.
    pub fn number(&mut self, value: f32) -> Value {
        self.numbers(&[], &[value])
    }

    /// Numbers of any shape, in the target's type.
    pub fn numbers(&mut self, shape: &[i64], values: &[f32]) -> Value {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let constant = self.constant(Element::F32, shape, raw);
        self.computed(constant, Element::F32)
    }

    /// Numbers of any shape that stay f32 (a resize's scales).
    pub fn floats(&mut self, values: &[f32]) -> Value {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(Element::F32, &[values.len() as i64], raw)
    }

    fn constant(&mut self, element: Element, shape: &[i64], raw: Vec<u8>) -> Value {
        let mut key = raw.clone();
        key.push(element.code() as u8);
        if let Some(known) = self.constants.get(&(key.clone(), shape.to_vec())) {
            return *known;
        }
        let value = self.fresh();
        self.parts.initializers.push(proto::tensor(&self.names[value.0], element, shape, &raw));
        self.constants.insert((key, shape.to_vec()), value);
        value
    }

    /// The weight `tensor` with `adapters` added to it, seen in `shape` (its own, or one of as many elements).
    pub fn weight(&mut self, tensor: &Tensor, adapters: &[Adapter], shape: &[i64]) -> Value {
        let key = (format!("{}@{}", tensor.file.display(), tensor.offset), shape.to_vec());
        if let Some(known) = self.weights.get(&key) {
            return *known;
        }
        let value = match adapters {
            [] => self.raw_weight(tensor, shape, self.target.compute),
            adapters => self.adapted(tensor, adapters, shape),
        };
        self.weights.insert(key, value);
        value
    }

    /// The weight `tensor` as it lies in its file, in its own numbers: for tables of which a run takes some rows.
    pub fn stored(&mut self, tensor: &Tensor) -> Value {
        let shape: Vec<i64> = tensor.shape.iter().map(|extent| *extent as i64).collect();
        self.raw_weight(tensor, &shape, tensor.element)
    }

    /// `value`, which may be of any numbers, in those that the target computes with.
    pub fn as_computed(&mut self, value: Value) -> Value {
        self.cast(value, self.target.compute)
    }

    /// `weights + scale * up x down`, of constants only, so that the engine computes it once, as it starts. In
    /// f32 whatever the target: the engine's CPU does that, and half precision would round every sum.
    fn adapted(&mut self, tensor: &Tensor, adapters: &[Adapter], shape: &[i64]) -> Value {
        let matrix = |tensor: &Tensor, rows: usize| [rows as i64, tensor.count() as i64 / rows as i64];
        let mut sum = self.raw_weight(tensor, &matrix(tensor, tensor.shape[0]), Element::F32);
        for Adapter { up, down, scale } in adapters {
            let up = self.raw_weight(up, &matrix(up, up.shape[0]), Element::F32);
            let down = self.raw_weight(down, &matrix(down, down.shape[0]), Element::F32);
            let attributes = [("alpha", Attribute::Float(*scale)), ("beta", Attribute::Float(1.0))];
            sum = self.node("Gemm", &[up, down, sum], &attributes);
        }
        let shape = self.ints(shape);
        let sum = self.node("Reshape", &[sum, shape], &[]);
        self.computed(sum, Element::F32)
    }

    fn raw_weight(&mut self, tensor: &Tensor, shape: &[i64], wanted: Element) -> Value {
        debug_assert_eq!(shape.iter().product::<i64>(), tensor.count() as i64, "the same elements");
        let value = self.fresh();
        let place = (&*from_root(&tensor.file), tensor.offset, tensor.bytes());
        self.parts.initializers.push(proto::external(&self.names[value.0], tensor.element, shape, place));
        self.weight_bytes += tensor.bytes();
        self.computed_bytes += tensor.count() * wanted.bytes();
        if tensor.element == wanted { value } else { self.cast(value, wanted) }
    }

    /// `value`, which is of type `from`, in the numbers that the target computes with.
    fn computed(&mut self, value: Value, from: Element) -> Value {
        if from == self.target.compute { value } else { self.cast(value, self.target.compute) }
    }

    fn cast(&mut self, value: Value, to: Element) -> Value {
        self.node("Cast", &[value], &[("to", Attribute::Int(to.code() as i64))])
    }

    fn fresh(&mut self) -> Value {
        self.named(format!("v{}", self.names.len()))
    }

    fn named(&mut self, name: String) -> Value {
        self.names.push(name);
        Value(self.names.len() - 1)
    }

    /// The graph, serialised.
    pub fn finish(self) -> Model {
        let domains: Vec<&str> = self.domains.iter().copied().collect();
        Model {
            onnx: proto::model(&self.name, &self.parts, &domains),
            weight_bytes: self.weight_bytes,
            computed_bytes: self.computed_bytes,
        }
    }
}

/// The path without its leading slash: ONNX Runtime takes locations below a folder, which is the root here, so
/// that one graph may use files from anywhere.
fn from_root(path: &Path) -> String {
    path.to_string_lossy().trim_start_matches('/').to_owned()
}
