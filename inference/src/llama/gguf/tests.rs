//! Headers that are sound, and what is refused of those that are not.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::Config;

/// Writes headers.
#[derive(Default, Clone)]
struct Written {
    values: Vec<(String, Vec<u8>)>,
    tensors: Vec<(String, Vec<u64>, u32, u64)>,
    data: usize,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

impl Written {
    fn value(mut self, key: &str, kind: u32, bytes: &[u8]) -> Self {
        self.values.retain(|(known, _)| known != key);
        self.values.push((key.to_owned(), [&kind.to_le_bytes(), bytes].concat()));
        self
    }

    fn whole(self, key: &str, number: u32) -> Self {
        self.value(key, 4, &number.to_le_bytes())
    }

    fn real(self, key: &str, number: f32) -> Self {
        self.value(key, 6, &number.to_le_bytes())
    }

    fn text(self, key: &str, value: &str) -> Self {
        self.value(key, 8, &text(value))
    }

    fn texts(self, key: &str, values: &[String]) -> Self {
        let elements: Vec<u8> = values.iter().flat_map(|value| text(value)).collect();
        let head = [&8u32.to_le_bytes()[..], &(values.len() as u64).to_le_bytes()].concat();
        self.value(key, 9, &[head, elements].concat())
    }

    fn without(mut self, key: &str) -> Self {
        self.values.retain(|(known, _)| known != key);
        self
    }

    /// The next tensor, right after the one before it.
    fn tensor(mut self, name: &str, extents: &[u64], kind: u32) -> Self {
        let mut all = [1; 4];
        all[..extents.len()].copy_from_slice(extents);
        let bytes = types::bytes(kind, all).unwrap_or(0) as usize;
        self.tensors.push((name.to_owned(), extents.to_vec(), kind, self.data as u64));
        self.data = (self.data + bytes).next_multiple_of(32);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = [&b"GGUF"[..], &3u32.to_le_bytes()].concat();
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.values.len() as u64).to_le_bytes());
        for (key, value) in &self.values {
            bytes.extend(text(key));
            bytes.extend(value);
        }
        for (name, extents, kind, offset) in &self.tensors {
            bytes.extend(text(name));
            bytes.extend((extents.len() as u32).to_le_bytes());
            extents.iter().for_each(|extent| bytes.extend(extent.to_le_bytes()));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(32) + self.data, 0);
        bytes
    }

    fn read(&self) -> std::result::Result<Facts, String> {
        let bytes = self.bytes();
        let header = Header::parse(&bytes[..], bytes.len() as u64)?;
        Facts::of(&header).map_err(|refusal| match refusal {
            fit::Refusal::Corrupt(why) | fit::Refusal::Unsupported(why) => why,
        })
    }

    fn refusal(&self) -> String {
        self.read().expect_err("it is refused")
    }
}

/// A small network that could be.
fn sound() -> Written {
    let tokens: Vec<String> = (0..300).map(|n| format!("t{n}")).collect();
    Written::default()
        .text("general.architecture", "llama")
        .whole("llama.block_count", 2)
        .whole("llama.context_length", 2048)
        .whole("llama.embedding_length", 64)
        .whole("llama.feed_forward_length", 128)
        .whole("llama.attention.head_count", 4)
        .whole("llama.attention.head_count_kv", 2)
        .whole("llama.rope.dimension_count", 16)
        .real("llama.attention.layer_norm_rms_epsilon", 1e-5)
        .text("tokenizer.ggml.model", "gpt2")
        .texts("tokenizer.ggml.tokens", &tokens)
        .texts("tokenizer.ggml.merges", &["a b".to_owned()])
        .whole("tokenizer.ggml.eos_token_id", 0)
        .tensor("token_embd.weight", &[64, 300], 2)
        .tensor("output_norm.weight", &[64], 0)
}

#[test]
fn a_sound_header_tells_what_the_network_takes() {
    let facts = sound().read().unwrap();
    let expected =
        Facts { context: 2048, cache_per_token: 2 * 2 * 32 * 2, width: 64, inner: 128, vocabulary: 300 };
    assert_eq!(facts, expected);
}

#[test]
fn sizes_that_cannot_be_are_refused_by_name() {
    let huge = u64::MAX.to_le_bytes();
    let texts = [&8u32.to_le_bytes()[..], &huge].concat();
    let cases: [(&str, Written, &str); 14] = [
        ("an array longer than the file", sound().value("x.y", 9, &texts), "x.y"),
        ("a string longer than the file", sound().value("x.y", 8, &huge), "x.y"),
        ("an unknown type", sound().value("x.y", 77, &[]), "x.y"),
        ("an array of arrays", sound().value("x.y", 9, &[9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), "x.y"),
        ("a boolean of 2", sound().value("x.y", 7, &[2]), "x.y"),
        ("a string that is no text", sound().value("x.y", 8, &[1, 0, 0, 0, 0, 0, 0, 0, 0xff]), "UTF-8"),
        ("an alignment of 0", sound().whole("general.alignment", 0), "alignment"),
        ("an alignment of 48", sound().whole("general.alignment", 48), "alignment"),
        ("an alignment that is text", sound().text("general.alignment", "32"), "alignment"),
        ("a tensor of no size", sound().tensor("odd", &[64, 0], 2), "odd"),
        ("a tensor that does not fill blocks", sound().tensor("odd", &[33, 2], 2), "odd"),
        ("a tensor larger than any", sound().tensor("odd", &[1 << 32, 1 << 32, 1 << 32], 0), "odd"),
        ("a tensor of an unknown type", sound().tensor("odd", &[64], 4), "odd"),
        ("a name that is too long", sound().tensor(&"n".repeat(64), &[64], 0), "64 bytes"),
    ];
    for (what, written, named) in cases {
        let told = written.refusal();
        assert!(told.contains(named), "{what}: {told}");
    }
}

#[test]
fn tensors_lie_in_the_file_one_after_another() {
    let outside = |change: fn(&mut Written)| {
        let mut written = sound();
        change(&mut written);
        written.refusal()
    };
    assert!(outside(|w| w.data -= 64).contains("output_norm.weight"));
    assert!(
        outside(|w| w.tensors[1].3 = u64::MAX - 31).contains("offset of the tensor `output_norm.weight`")
    );
    assert!(outside(|w| w.tensors[1].3 = 0).contains("output_norm.weight"), "two on top of each other");
    assert!(outside(|w| w.tensors[0].3 = 32).contains("token_embd.weight"));
    assert!(outside(|w| w.tensors[1].0 = "token_embd.weight".into()).contains("twice"));
}

#[test]
fn networks_that_cannot_be_are_refused_by_name() {
    let cases: [(Written, &str); 22] = [
        (sound().without("general.architecture"), "general.architecture"),
        (sound().text("general.architecture", "mamba"), "mamba"),
        (sound().whole("llama.block_count", 0), "block_count"),
        (sound().whole("llama.block_count", 513), "block_count"),
        (sound().without("llama.context_length"), "context_length"),
        (sound().text("llama.context_length", "many"), "context_length"),
        (sound().whole("llama.attention.head_count", 0), "head_count"),
        (sound().whole("llama.attention.head_count_kv", 3), "head_count"),
        (sound().whole("llama.rope.dimension_count", 15), "head"),
        (sound().whole("llama.rope.dimension_count", 8), "rope.dimension_count"),
        (sound().whole("llama.attention.key_length", 32), "keys"),
        (sound().whole("llama.expert_used_count", 2), "expert_used_count"),
        (sound().whole("llama.expert_count", 2000), "expert_count"),
        (sound().real("llama.rope.freq_base", f32::NAN), "freq_base"),
        (sound().real("llama.attention.layer_norm_rms_epsilon", -1.0), "epsilon"),
        (sound().text("llama.rope.scaling.type", "spiral"), "scaling"),
        (sound().whole("tokenizer.ggml.eos_token_id", 300), "eos_token_id"),
        (sound().without("tokenizer.ggml.eos_token_id"), "eos_token_id"),
        (sound().texts("tokenizer.ggml.tokens", &["a".to_owned(), "a".to_owned(), "b".to_owned()]), "twice"),
        (sound().text("tokenizer.ggml.model", "llama"), "<0x00>"),
        (sound().without("tokenizer.ggml.merges"), "merges"),
        (sound().tensor("blk.0.attn_norm.weight", &[64], 1), "blk.0.attn_norm.weight"),
    ];
    for (written, named) in cases {
        let told = written.refusal();
        assert!(told.contains(named), "{named}: {told}");
    }
}

#[test]
fn what_is_no_file_is_missing_and_a_short_one_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read(dir.path()).unwrap_err().kind(), ErrorKind::ModelMissing);
    let path = dir.path().join("a.gguf");
    assert_eq!(read(&path).unwrap_err().kind(), ErrorKind::ModelMissing);
    for bytes in [&b""[..], b"GGUF", b"GGUF\x03\0\0\0", b"GGML\x03\0\0\0", b"<html>"] {
        std::fs::write(&path, bytes).unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{error}");
    }
    std::fs::write(&path, sound().bytes()).unwrap();
    read(&path).unwrap();
}

proptest! {
    #![proptest_config(Config { cases: 2000, ..Config::default() })]

    #[test]
    fn a_damaged_header_never_panics(
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = sound().bytes();
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(header) = Header::parse(&bytes[..], bytes.len() as u64) {
            let _ = Facts::of(&header);
            prop_assert!(header.bytes() <= bytes.len() as u64);
        }
    }

    #[test]
    fn bytes_by_chance_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), length in any::<u64>()) {
        let whole = [&b"GGUF\x03\0\0\0"[..], &bytes].concat();
        let _ = Header::parse(&whole[..], whole.len() as u64);
        // A file that is said to be longer than it is.
        let _ = Header::parse(&whole[..], length);
    }
}
