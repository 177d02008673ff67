//! The header of a safetensors file, read and checked; the tensors' bytes are not touched.

use super::{Tensor, open_regular, unreadable};
use crate::proto::Element;
use reelsmith_inference_core::{InferenceError, Result};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// The longest header; the format's own limit (safetensors, "Format").
const MOST_HEADER: u64 = 100_000_000;

/// First bytes of what `torch.save` writes: a zip archive, or a pickle of protocol 2 or later.
const PICKLED: [&[u8]; 5] = [b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"];

/// What a file says of itself, and its tensors by name.
type Contents = (BTreeMap<String, String>, Vec<(String, Tensor)>);

/// The contents of the file at `path`. Tensors of whole numbers (position ids and the like), which no
/// graph takes, are left out.
pub(super) fn read(path: &Path) -> Result<Contents> {
    let failed = |error: io::Error| unreadable(path, error);
    let absolute: Arc<Path> = std::path::absolute(path).map_err(failed)?.into();
    if absolute.to_str().is_none() {
        return Err(InferenceError::corrupt(format!(
            "{}: the path is not UTF-8; move the file",
            path.display()
        )));
    }
    let mut file = open_regular(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let header = header(&mut file, length).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => not_safetensors(path, &error.to_string()),
        _ => unreadable(path, error),
    })?;
    // Reading checks that the tensors follow each other without gaps and that each has as many bytes as its shape.
    let metadata: Metadata = serde_json::from_slice(&header[8..])
        .map_err(|error| not_safetensors(path, &format!("its header is wrong: {error}")))?;
    let begin = header.len() as u64;
    let data = length - begin;
    let mut tensors = Vec::new();
    let mut end = 0;
    for (name, info) in metadata.tensors() {
        end = end.max(info.data_offsets.1 as u64);
        let Some(element) = element(info.dtype).map_err(|what| {
            InferenceError::corrupt(format!(
                "{}: `{name}` is of type {what}, which nothing here computes with",
                path.display()
            ))
        })?
        else {
            continue;
        };
        let offset = begin + info.data_offsets.0 as u64;
        tensors.push((name, Tensor { element, shape: info.shape.clone(), file: absolute.clone(), offset }));
    }
    if end != data {
        let why = format!("its header tells of {end} bytes of tensors, and {data} follow it");
        return Err(not_safetensors(path, &format!("{why}: it is cut off or damaged, fetch it again")));
    }
    let about = metadata.metadata().clone().unwrap_or_default();
    Ok((about.into_iter().collect(), tensors))
}

/// The length of the header and the header itself.
fn header(file: &mut File, length: u64) -> io::Result<Vec<u8>> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut header = Vec::new();
    file.by_ref().take(9).read_to_end(&mut header)?;
    // The length of a header may begin with the same bytes; what follows it is an object.
    if PICKLED.iter().any(|start| header.starts_with(start)) && header.get(8) != Some(&b'{') {
        let remedy = "it is a pickled PyTorch file, which may run anything when it is opened and is never loaded; \
                      use the `.safetensors` file of the same model";
        return Err(invalid(remedy.to_owned()));
    }
    let Some((announced, _)) = header.split_first_chunk() else {
        return Err(invalid(format!("it has {length} bytes")));
    };
    let announced = u64::from_le_bytes(*announced);
    if announced > MOST_HEADER || announced > length - 8 {
        return Err(invalid(format!("it announces a header of {announced} bytes in a file of {length}")));
    }
    file.take(announced.saturating_sub(1)).read_to_end(&mut header)?;
    header.truncate(8 + announced as usize);
    Ok(header)
}

/// What the elements are, or `None` for those that are no weights.
fn element(dtype: Dtype) -> std::result::Result<Option<Element>, String> {
    match dtype {
        Dtype::F32 => Ok(Some(Element::F32)),
        Dtype::F16 => Ok(Some(Element::F16)),
        Dtype::BF16 => Ok(Some(Element::Bf16)),
        Dtype::F64 => Ok(Some(Element::F64)),
        Dtype::I64 => Ok(Some(Element::I64)),
        Dtype::I32 => Ok(Some(Element::I32)),
        Dtype::I8 | Dtype::U8 | Dtype::BOOL => Ok(Some(Element::Byte)),
        Dtype::I16 => Ok(None),
        other => Err(format!("{other:?}")),
    }
}

fn not_safetensors(path: &Path, why: &str) -> InferenceError {
    InferenceError::corrupt(format!("{} is no usable safetensors file: {why}", path.display()))
}
