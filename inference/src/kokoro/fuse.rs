//! Finds the nodes that spell Snake in a graph and puts one node of [`crate::operators::snake`] in their place.

use crate::operators::snake;
use reelsmith_graph::builder::REELSMITH;
use reelsmith_graph::wire::{delimited, fields};
use std::collections::HashMap;
use std::io::{self, Cursor};

/// A `NodeProto`, as much of it as matching takes, and its bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    bytes: Vec<u8>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    operator: String,
}

impl Node {
    /// Reads the payload of a `node` field. NodeProto: input = 1, output = 2, op_type = 4.
    ///
    /// # Errors
    /// `InvalidData` if it is no message or a name is not UTF-8.
    pub(super) fn parse(bytes: Vec<u8>) -> io::Result<Self> {
        let (mut inputs, mut outputs, mut operator) = (Vec::new(), Vec::new(), String::new());
        for field in fields(&mut Cursor::new(&bytes), 0, bytes.len() as u64)? {
            let text = || {
                let text = bytes[field.payload as usize..field.end as usize].to_vec();
                String::from_utf8(text).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
            };
            match field.number {
                1 => inputs.push(text()?),
                2 => outputs.push(text()?),
                4 => operator = text()?,
                _ => {}
            }
        }
        Ok(Self { bytes, inputs, outputs, operator })
    }

    /// The node as the payload of a `node` field.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn is(&self, operator: &str) -> bool {
        self.operator == operator
    }

    fn snake(x: &str, a: &str, inverse: &str, output: &str) -> Self {
        let inputs = [x, a, inverse].map(|name| name.to_owned()).to_vec();
        let (outputs, operator) = (vec![output.to_owned()], snake::NAME.to_owned());
        // NodeProto: name = 3, domain = 7.
        let mut bytes: Vec<u8> = inputs.iter().flat_map(|name| delimited(1, name.as_bytes())).collect();
        bytes.extend(delimited(2, output.as_bytes()));
        bytes.extend(delimited(3, format!("{output}/snake").as_bytes()));
        bytes.extend(delimited(4, operator.as_bytes()));
        bytes.extend(delimited(7, REELSMITH.as_bytes()));
        Self { bytes, inputs, outputs, operator }
    }
}

/// What a graph's constants say about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Constant {
    /// f32 of shape (1, n, 1): a number for each channel.
    Channels,
    /// The single f32 number two.
    Two,
}

/// Puts one node in the place of every `x + b·sin(a·x)²` whose `a` and `b` are numbers of the channels, if
/// nothing else uses what is computed on the way; the rest stays as it is, in its order.
pub(super) fn fused(nodes: Vec<Node>, constants: &HashMap<String, Constant>) -> Vec<Node> {
    let graph = Graph::new(&nodes, constants);
    let mut gone = vec![false; nodes.len()];
    let mut instead = HashMap::new();
    for (sum, node) in nodes.iter().enumerate() {
        if let Some(found) = graph.snake_at(node) {
            found.gone.iter().for_each(|index| gone[*index] = true);
            instead.insert(sum, found.node);
        }
    }
    let kept = nodes.into_iter().enumerate().filter(|(index, _)| !gone[*index]);
    kept.map(|(index, node)| instead.remove(&index).unwrap_or(node)).collect()
}

struct Found {
    node: Node,
    /// The multiplications, the sine and the power.
    gone: [usize; 4],
}

struct Graph<'a> {
    nodes: &'a [Node],
    constants: &'a HashMap<String, Constant>,
    /// Which node makes a value.
    maker: HashMap<&'a str, usize>,
    /// How many inputs a value is.
    uses: HashMap<&'a str, usize>,
}

impl<'a> Graph<'a> {
    fn new(nodes: &'a [Node], constants: &'a HashMap<String, Constant>) -> Self {
        let (mut maker, mut uses) = (HashMap::new(), HashMap::new());
        for (index, node) in nodes.iter().enumerate() {
            maker.extend(node.outputs.iter().map(|output| (output.as_str(), index)));
            node.inputs.iter().for_each(|input| *uses.entry(input.as_str()).or_insert(0) += 1);
        }
        Self { nodes, constants, maker, uses }
    }

    /// The pattern that ends in `sum`, if it does.
    fn snake_at(&self, sum: &Node) -> Option<Found> {
        let [left, right] = sum.inputs.as_slice() else { return None };
        let (true, [output]) = (sum.is("Add"), sum.outputs.as_slice()) else { return None };
        [(left, right), (right, left)].into_iter().find_map(|(x, product)| {
            let (scaled, inverse, square) = self.times_channels(product)?;
            let (power, sine) = self.only(square, "Pow")?;
            let [sine, two] = sine else { return None };
            (self.constants.get(two) == Some(&Constant::Two)).then_some(())?;
            let (sine, argument) = self.only(sine, "Sin")?;
            let (argument, a, of) = self.times_channels(argument.first()?)?;
            let gone = [scaled, power, sine, argument];
            (of == x).then(|| Found { node: Node::snake(x, a, inverse, output), gone })
        })
    }

    /// The node that makes `value` by `operator`, and its inputs, if the value has one use.
    fn only(&self, value: &str, operator: &str) -> Option<(usize, &'a [String])> {
        let index = *self.maker.get(value)?;
        let node = &self.nodes[index];
        (node.is(operator) && self.uses.get(value) == Some(&1)).then_some((index, &node.inputs))
    }

    /// The product that makes `value`, its factor of the channels, and its other factor.
    fn times_channels(&self, value: &str) -> Option<(usize, &'a str, &'a str)> {
        let (index, inputs) = self.only(value, "Mul")?;
        let [left, right] = inputs else { return None };
        let of_channels = |name: &String| self.constants.get(name) == Some(&Constant::Channels);
        match (of_channels(left), of_channels(right)) {
            (true, false) => Some((index, left, right)),
            (false, true) => Some((index, right, left)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(operator: &str, inputs: &[&str], output: &str) -> Node {
        let mut bytes: Vec<u8> = inputs.iter().flat_map(|name| delimited(1, name.as_bytes())).collect();
        bytes.extend(delimited(2, output.as_bytes()));
        bytes.extend(delimited(4, operator.as_bytes()));
        Node::parse(bytes).unwrap()
    }

    fn spelt() -> Vec<Node> {
        vec![
            node("Conv", &["in", "weights"], "x"),
            node("Mul", &["a", "x"], "ax"),
            node("Sin", &["ax"], "s"),
            node("Pow", &["s", "two"], "ss"),
            node("Mul", &["b", "ss"], "bss"),
            node("Add", &["x", "bss"], "y"),
            node("Conv", &["y", "weights"], "out"),
        ]
    }

    fn constants() -> HashMap<String, Constant> {
        [("a", Constant::Channels), ("b", Constant::Channels), ("two", Constant::Two)]
            .map(|(name, constant)| (name.to_owned(), constant))
            .into()
    }

    #[test]
    fn five_nodes_become_one_in_the_place_of_the_last() {
        let fused = fused(spelt(), &constants());
        let operators: Vec<&str> = fused.iter().map(|node| node.operator.as_str()).collect();
        assert_eq!(operators, ["Conv", "Snake", "Conv"]);
        assert_eq!(
            (&fused[1].inputs[..], &fused[1].outputs[..]),
            (&["x", "a", "b"].map(String::from)[..], &["y".into()][..])
        );
        assert_eq!(Node::parse(fused[1].bytes.clone()).unwrap(), fused[1]);
    }

    #[test]
    fn factors_and_summands_may_change_places() {
        let mut nodes = spelt();
        nodes[1] = node("Mul", &["x", "a"], "ax");
        nodes[4] = node("Mul", &["ss", "b"], "bss");
        nodes[5] = node("Add", &["bss", "x"], "y");
        assert_eq!(fused(nodes, &constants()).len(), 3);
    }

    #[test]
    fn what_only_looks_alike_stays() {
        let stays = |change: fn(&mut Vec<Node>)| {
            let mut nodes = spelt();
            change(&mut nodes);
            assert_eq!(fused(nodes.clone(), &constants()), nodes);
        };
        stays(|nodes| nodes[5] = node("Add", &["other", "bss"], "y"));
        stays(|nodes| nodes[5] = node("Sub", &["x", "bss"], "y"));
        stays(|nodes| nodes[3] = node("Pow", &["s", "three"], "ss"));
        stays(|nodes| nodes[1] = node("Mul", &["weights", "x"], "ax"));
        stays(|nodes| nodes[2] = node("Cos", &["ax"], "s"));
        // Somebody else wants the sine.
        stays(|nodes| nodes.push(node("Neg", &["s"], "n")));
    }
}
