//! Golden cases: what `tests/reference/*.py` wrote, one directory each with `case.json` and
//! `expected.safetensors`.

use half::{bf16, f16};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One case of a family.
pub(crate) struct Case {
    /// The directory's name, `<family>-<variant>`.
    pub(crate) name: String,
    /// What was done.
    pub(crate) json: Value,
    folder: PathBuf,
    tensors: BTreeMap<String, Tensor>,
}

/// An array as safetensors stores it.
pub(crate) struct Tensor {
    /// Outermost axis first; empty for a single number.
    pub(crate) shape: Vec<usize>,
    dtype: String,
    bytes: Vec<u8>,
}

/// The committed cases of `family`, and those in the directory that `REELSMITH_PARITY` names.
///
/// # Panics
/// If either place has none, or one cannot be read.
pub(crate) fn cases(family: &str) -> Vec<Case> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/golden");
    #[expect(clippy::disallowed_methods, reason = "set by `make parity`, read by tests only")]
    let fresh = std::env::var("REELSMITH_PARITY").ok().map(PathBuf::from);
    [Some(committed), fresh].into_iter().flatten().flat_map(|folder| cases_in(&folder, family)).collect()
}

fn cases_in(folder: &Path, family: &str) -> Vec<Case> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let prefix = format!("{family}-");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable directory").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
        .collect();
    assert!(
        !folders.is_empty(),
        "{} has no case of {family}: run the scripts of tests/reference",
        folder.display()
    );
    folders.sort();
    folders.iter().map(|folder| Case::read(folder)).collect()
}

impl Case {
    fn read(folder: &Path) -> Self {
        let read = |file: &str| {
            let path = folder.join(file);
            std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        };
        let json = serde_json::from_slice(&read("case.json")).expect("case.json is JSON");
        let tensors = safetensors(&read("expected.safetensors"));
        let name = folder.file_name().expect("a named directory").to_string_lossy().into_owned();
        Self { name, json, folder: folder.to_path_buf(), tensors }
    }

    /// The case `name` of the same place, which this one refers to.
    pub(crate) fn beside(&self, name: &str) -> Self {
        Self::read(&self.folder.with_file_name(name))
    }

    /// A stored array.
    pub(crate) fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("{} has no array {name}", self.name))
    }

    /// Whether there is such an array.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A stored array of any float type, as f32.
    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        self.tensor(name).floats()
    }

    /// A stored array of any integer type.
    pub(crate) fn integers(&self, name: &str) -> Vec<i64> {
        self.tensor(name).integers()
    }

    /// A number of `case.json`, by JSON pointer (`/config/steps`).
    pub(crate) fn number(&self, pointer: &str) -> f64 {
        self.json
            .pointer(pointer)
            .and_then(Value::as_f64)
            .unwrap_or_else(|| panic!("{}: {pointer}", self.name))
    }

    /// The seed that the case was filled with.
    pub(crate) fn seed(&self) -> u64 {
        self.json["seed"].as_u64().unwrap_or_else(|| panic!("{}: seed", self.name))
    }

    /// A table of name → shape of `case.json`, by JSON pointer: what `reference.fill` gave.
    pub(crate) fn shapes(&self, pointer: &str) -> BTreeMap<String, Vec<usize>> {
        let table = self.json.pointer(pointer).unwrap_or_else(|| panic!("{}: {pointer}", self.name));
        serde_json::from_value(table.clone()).unwrap_or_else(|e| panic!("{}: {pointer}: {e}", self.name))
    }
}

impl Tensor {
    /// The numbers as f32.
    ///
    /// # Panics
    /// If they are not floats.
    pub(crate) fn floats(&self) -> Vec<f32> {
        match self.dtype.as_str() {
            "F64" => self.each(|bytes: [u8; 8]| f64::from_le_bytes(bytes) as f32),
            "F32" => self.each(f32::from_le_bytes),
            "F16" => self.each(|bytes| f16::from_le_bytes(bytes).to_f32()),
            "BF16" => self.each(|bytes| bf16::from_le_bytes(bytes).to_f32()),
            other => panic!("{other} is no float"),
        }
    }

    /// The numbers as i64.
    ///
    /// # Panics
    /// If they are not integers.
    pub(crate) fn integers(&self) -> Vec<i64> {
        match self.dtype.as_str() {
            "I64" => self.each(i64::from_le_bytes),
            "I32" => self.each(|bytes| i64::from(i32::from_le_bytes(bytes))),
            "U8" | "BOOL" => self.each(|[byte]: [u8; 1]| i64::from(byte)),
            other => panic!("{other} is no integer"),
        }
    }

    fn each<const SIZE: usize, T>(&self, number: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
        let (numbers, rest) = self.bytes.as_chunks::<SIZE>();
        assert!(rest.is_empty() && numbers.len() == self.shape.iter().product::<usize>(), "{:?}", self.shape);
        numbers.iter().map(|bytes| number(*bytes)).collect()
    }
}

/// The arrays of a safetensors file: a length of 8 bytes, that many bytes of JSON, the data.
fn safetensors(file: &[u8]) -> BTreeMap<String, Tensor> {
    let (length, rest) = file.split_first_chunk().expect("8 bytes of length");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: BTreeMap<String, Value> = serde_json::from_slice(header).expect("a header of JSON");
    let tensor = |entry: &Value| {
        let numbers = |value: &Value| serde_json::from_value::<Vec<usize>>(value.clone()).expect("numbers");
        let offsets = numbers(&entry["data_offsets"]);
        let dtype = entry["dtype"].as_str().expect("a type").to_owned();
        Tensor { shape: numbers(&entry["shape"]), dtype, bytes: data[offsets[0]..offsets[1]].to_vec() }
    };
    let named = header.iter().filter(|(name, _)| *name != "__metadata__");
    named.map(|(name, entry)| (name.clone(), tensor(entry))).collect()
}

/// The largest difference, as a part of the largest expected value: what the bars are set in. Infinite where a
/// number is not finite or the lengths differ.
pub(crate) fn relative_error(got: &[f32], expected: &[f32]) -> f32 {
    if got.len() != expected.len() {
        return f32::INFINITY;
    }
    let largest = expected.iter().fold(f32::MIN_POSITIVE, |most, number| most.max(number.abs()));
    let differences = got.iter().zip(expected).map(|(a, b)| (a - b).abs() / largest);
    differences.fold(0.0, |most: f32, part| if part.is_finite() { most.max(part) } else { f32::INFINITY })
}

mod tests {
    use super::{Case, Tensor, relative_error, safetensors};
    use serde_json::json;
    use std::path::PathBuf;

    fn file() -> Vec<u8> {
        let header = json!({
            "__metadata__": {"format": "pt"},
            "half": {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]},
            "index": {"dtype": "I64", "shape": [], "data_offsets": [8, 16]},
        });
        let header = header.to_string();
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        // 1, -2, the largest and the least half.
        file.extend([0x3c00u16, 0xc000, 0x7bff, 0x0001].iter().flat_map(|half| half.to_le_bytes()));
        file.extend((-7i64).to_le_bytes());
        file
    }

    #[test]
    fn arrays_are_read_by_name_with_their_shapes() {
        let json = json!({"seed": 3, "config": {"steps": 4}, "weights": {"a.weight": [2, 3]}});
        let case = Case { name: "a-b".into(), json, folder: PathBuf::new(), tensors: safetensors(&file()) };
        assert_eq!(case.floats("half"), [1.0, -2.0, 65504.0, 2f32.powi(-24)]);
        assert_eq!(case.tensor("half").shape, [2, 2]);
        assert_eq!(case.integers("index"), [-7]);
        assert_eq!((case.seed(), case.number("/config/steps"), case.name.as_str()), (3, 4.0, "a-b"));
        assert_eq!(case.shapes("/weights")["a.weight"], [2, 3]);
    }

    #[test]
    fn brain_floats_keep_their_upper_bits() {
        let bytes = 0x3f80u16.to_le_bytes().to_vec();
        assert_eq!(Tensor { shape: vec![1], dtype: "BF16".into(), bytes }.floats(), [1.0]);
    }

    #[test]
    fn an_error_is_relative_to_the_largest_value_and_nothing_hides_a_nan() {
        assert_eq!(relative_error(&[1.0, 4.0], &[1.5, 4.0]), 0.125);
        assert_eq!(relative_error(&[f32::NAN, 4.0], &[1.0, 4.0]), f32::INFINITY);
        assert_eq!(relative_error(&[1.0], &[1.0, 4.0]), f32::INFINITY);
        assert_eq!(relative_error(&[0.0], &[0.0]), 0.0);
    }
}
