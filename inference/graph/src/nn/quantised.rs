//! Products in whole numbers of 8 bits: a weight is scaled row by row so that its largest number is 127, once, as the
//! session starts, and what it is multiplied with as it comes.

use crate::builder::{Attribute, Graph, MICROSOFT, Value};

/// The largest number of 8 bits.
const LARGEST: f32 = 127.0;
/// Rows of zeros stay such.
const LEAST: f32 = 1e-20;
/// `TensorProto.DataType.INT8`.
const INT8: i64 = 3;

/// `x` (rows, from) times `weight` (to, from), which must be constant, and `bias` (to) added.
pub(super) fn product(g: &mut Graph, x: Value, weight: Value, bias: Option<Value>) -> Value {
    let (across, limit, least) = (g.ints(&[1]), g.number(LARGEST), g.number(LEAST));
    let size = g.node("Abs", &[weight], &[]);
    let most = g.node("ReduceMax", &[size, across], &[("keepdims", Attribute::Int(1))]);
    let scale = g.node("Div", &[most, limit], &[]);
    let scale = g.node("Max", &[scale, least], &[]);
    let whole = g.node("Div", &[weight, scale], &[]);
    let whole = g.node("Round", &[whole], &[]);
    let whole = g.node("Cast", &[whole], &[("to", Attribute::Int(INT8))]);
    let whole = g.transpose(whole, &[1, 0]);
    let scale = g.reshape(scale, &[-1]);
    let mut inputs = vec![x, whole, scale];
    if let Some(bias) = bias {
        inputs.extend([g.nothing(), bias]);
    }
    g.node_of(MICROSOFT, "DynamicQuantizeMatMul", &inputs, &[])
}
