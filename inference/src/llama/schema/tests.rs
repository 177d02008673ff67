//! Documents drawn at random under a schema, held against an independent validator; no model takes part.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::json;

/// A vocabulary of single bytes and a few words, the last token being the end.
struct Bytes(TokTrie);

const END: u32 = 300;

impl TokenizerEnv for Bytes {
    fn tok_trie(&self) -> &TokTrie {
        &self.0
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.0.greedy_tokenize(bytes)
    }
}

fn grammars() -> Grammars {
    let mut words: Vec<Vec<u8>> = (0..=255u8).map(|byte| vec![byte]).collect();
    words[0xff] = vec![0xfe, 0xff];
    let pieces = ["\"", "\": ", ", ", "true", "null", "12", "é", "\", \"", "{\"", "\"}", "[]"];
    words.extend((256..END).map(|n| match pieces.get(n as usize - 256) {
        Some(piece) => piece.as_bytes().to_vec(),
        None => format!("word{n} ").into_bytes(),
    }));
    words.push(b"\xff<end>".to_vec());
    let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, END), &words);
    Grammars::of(Arc::new(Bytes(trie))).expect("a vocabulary")
}

/// A document, each token drawn among the allowed ones by `draw`; none if it has more than `most` tokens.
fn drawn(
    grammars: &Grammars,
    schema: &Value,
    most: usize,
    mut draw: impl FnMut(usize) -> usize,
) -> Option<String> {
    let mut grammar = grammars.compile(&schema.to_string()).expect("a schema");
    let trie = grammars.factory.tok_env().tok_trie().clone();
    let mut bytes = Vec::new();
    for _ in 0..most {
        let allowed: Vec<u32> = grammar.allowed().expect("tokens").iter().collect();
        assert!(!allowed.is_empty(), "there is always a way on");
        // The end where it is allowed: what is drawn at random would hardly ever close its brackets.
        let token = if allowed.contains(&END) { END } else { allowed[draw(allowed.len())] };
        if token == END {
            return Some(String::from_utf8(bytes).expect("text"));
        }
        bytes.extend_from_slice(trie.token(token));
        for certain in grammar.accept(token as i32).expect("an allowed token") {
            bytes.extend_from_slice(trie.token(certain.unsigned_abs()));
        }
        if grammar.is_complete() {
            return Some(String::from_utf8(bytes).expect("text"));
        }
    }
    None
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "boolean"})),
        Just(json!({"type": "null"})),
        (-50i32..50, 0i32..60)
            .prop_map(|(least, span)| json!({"type": "integer", "minimum": least, "maximum": least + span})),
        (0u32..3, 0u32..6).prop_map(
            |(least, span)| json!({"type": "string", "minLength": least, "maxLength": least + span})
        ),
        Just(json!({"type": "string", "pattern": "^[a-c]{2,4}$"})),
        Just(json!({"type": "string", "format": "date"})),
        proptest::collection::vec("[a-zé\"\\\\]{0,4}", 1..4).prop_map(|texts| json!({ "enum": texts })),
        (-5i32..5).prop_map(|n| json!({ "const": [n, {"a": null}] })),
        Just(json!({"type": "number", "minimum": 0, "exclusiveMaximum": 1})),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0u32..2, 0u32..3).prop_map(|(items, least, span)| {
                json!({"type": "array", "items": items, "minItems": least, "maxItems": least + span})
            }),
            (proptest::collection::vec(("[a-e]{1,3}", inner.clone(), any::<bool>()), 0..4)).prop_map(|fields| {
                let properties: serde_json::Map<String, Value> =
                    fields.iter().map(|(name, schema, _)| (name.clone(), schema.clone())).collect();
                let required: std::collections::BTreeSet<&String> =
                    fields.iter().filter(|(_, _, required)| *required).map(|(name, _, _)| name).collect();
                json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
            }),
            proptest::collection::vec(inner, 1..3).prop_map(|options| json!({ "anyOf": options })),
        ]
    })
}

proptest! {
    #![proptest_config(Config { cases: 96, ..Config::default() })]

    #[test]
    fn whatever_is_drawn_satisfies_the_schema(schema in schemas(), seed in any::<u64>()) {
        static GRAMMARS: std::sync::LazyLock<Grammars> = std::sync::LazyLock::new(grammars);
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let mut state = seed;
        let draw = |n: usize| {
            // Knuth's MMIX generator.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        };
        let document = drawn(&GRAMMARS, &schema, 2000, draw);
        prop_assume!(document.is_some());
        let document = document.expect("assumed");
        let parsed: Value = serde_json::from_str(&document).expect("JSON");
        prop_assert!(validator.is_valid(&parsed), "{} under {}", document, schema);
    }
}

fn refusal(schema: &str) -> String {
    let error = grammars().compile(schema).err().unwrap_or_else(|| panic!("{schema} is taken"));
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    error.to_string()
}

#[test]
fn what_is_not_supported_is_named() {
    for keyword in ["not", "if", "uniqueItems", "contains", "dependentRequired", "unevaluatedProperties"] {
        let schema = json!({ "type": "object", keyword: {} }).to_string();
        let told = refusal(&schema);
        assert!(told.contains(keyword), "{told}");
    }
    assert!(refusal(r#"{"type": "string", "format": "telepathy"}"#).contains("telepathy"));
    assert!(refusal(r#"{"$ref": "https://example.com/schema"}"#).contains("example.com"));
    assert!(refusal(r#"{"x-guidance": {"lenient": true}}"#).contains("x-guidance"));
}

#[test]
fn what_cannot_be_satisfied_is_refused() {
    for schema in [
        r#"{"type": "integer", "minimum": 5, "maximum": 2}"#,
        r#"{"type": "string", "minLength": 3, "maxLength": 1}"#,
        r#"{"type": "array", "minItems": 2, "maxItems": 1}"#,
        r#"{"type": "object", "properties": {"a": false}, "required": ["a"]}"#,
        r#"{"allOf": [{"type": "string"}, {"type": "integer"}]}"#,
        r#"{"enum": []}"#,
        "false",
    ] {
        refusal(schema);
    }
}

#[test]
fn what_is_no_schema_is_refused() {
    for schema in ["", "{", "7", "[]", r#"{"type": "strin"}"#, r#"{"type": 5}"#, r#"{"enum": 1}"#] {
        refusal(schema);
    }
    let deep = format!("{}{}", r#"{"items":"#.repeat(5000), "}".repeat(5000));
    refusal(&deep);
}

#[test]
fn a_schema_that_asks_for_too_much_is_refused_by_keyword() {
    for (schema, keyword) in [
        (json!({"type": "string", "pattern": "^(a{1,900}){1,900}$"}), "pattern"),
        (json!({"type": "string", "pattern": "a".repeat(1001)}), "pattern"),
        (json!({"type": "object", "patternProperties": {"^(a{99}){99}$": {}}}), "pattern"),
        (json!({"type": "string", "maxLength": 1e9}), "maxLength"),
        (json!({"type": "array", "items": {"type": "array", "minItems": 501}}), "minItems"),
        (json!({"type": "integer", "maximum": 1e300}), "maximum"),
        (json!({"enum": (0..1001).collect::<Vec<_>>()}), "entries"),
        (json!({"type": "integer", "multipleOf": 999_983}), "multipleOf"),
        (json!({"type": "number", "multipleOf": 1e-9}), "multipleOf"),
    ] {
        let told = refusal(&schema.to_string());
        assert!(told.contains(keyword), "{told}");
    }
}

#[test]
fn the_largest_schemas_are_followed_or_refused_but_never_overflow_the_stack() {
    let wide: serde_json::Map<String, Value> =
        (0..1000).map(|n| (format!("p{n}"), json!({"type": "string", "maxLength": 3}))).collect();
    let mut nested = json!({"type": "string"});
    for _ in 0..30 {
        nested = json!({"type": "array", "items": nested, "minItems": 1, "maxItems": 500});
    }
    let deep = format!("{}true{}", r#"{"items":"#.repeat(120), "}".repeat(120));
    let largest = [
        json!({"type": "string", "pattern": "^(ab|c){0,2000}$"}).to_string(),
        json!({"type": "string", "pattern": "^((a|b){40}c){50}$"}).to_string(),
        json!({"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"}).to_string(),
        json!({"type": "string", "pattern": "(".repeat(500) + &")".repeat(500)}).to_string(),
        json!({"type": "string", "pattern": "(a?)*".repeat(190)}).to_string(),
        json!({"type": "string", "minLength": 10_000, "maxLength": 10_000}).to_string(),
        json!({"type": "array", "items": {"type": "integer"}, "minItems": 500, "maxItems": 500}).to_string(),
        json!({"type": "object", "properties": wide}).to_string(),
        json!({"type": "integer", "multipleOf": 997}).to_string(),
        json!({"type": "number", "minimum": -9.1e-300, "maximum": 1e15}).to_string(),
        json!({"$ref": "#"}).to_string(),
        json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}).to_string(),
        json!({"allOf": [{"$ref": "#"}]}).to_string(),
        json!({"type": "array", "items": {"$ref": "#"}}).to_string(),
        nested.to_string(),
        deep,
    ];
    let grammars = grammars();
    for schema in largest {
        let begun = std::time::Instant::now();
        // The smallest stack that a thread of Rust's has where nobody says.
        std::thread::scope(|scope| {
            let follow = || {
                if let Ok(mut grammar) = grammars.compile(&schema)
                    && let Ok(allowed) = grammar.allowed()
                    && let Some(token) = allowed.iter().next()
                {
                    let _ = grammar.accept(token as i32);
                }
            };
            std::thread::Builder::new().stack_size(2 << 20).spawn_scoped(scope, follow).expect("a thread");
        });
        let (took, shown) = (begun.elapsed(), schema.chars().take(80).collect::<String>());
        assert!(took.as_secs() < 30, "{took:?} for {shown}");
        eprintln!("{took:?} {shown}");
    }
}
