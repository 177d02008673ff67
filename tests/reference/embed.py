"""Sentence embeddings and cross-encoders, against transformers, tokenizers and sentence-transformers.

`bert-*` and `classifier-*`: small random networks. `wordpiece`: token ids of hard and of random texts, of pairs, and of
all code points. `sentences-*`: all-MiniLM-L6-v2's embeddings. `reranked-*`: a small random cross-encoder that reads
with the same tokeniser. `--model DIR` is the folder of all-MiniLM-L6-v2.
"""

import argparse
import hashlib
import json
import pathlib
import random
import shutil
import tempfile

import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizerFast

from reference import fill, uniform, write_case

BLOCK = 1 << 14

TEXTS = [
    "", " ", "\t\n\r\x0b\x0c", "a", "A", "!", "Hello, World!", "The quick brown fox jumps over the lazy dog.",
    "unaffable embeddings tokenization pneumonoultramicroscopicsilicovolcanoconiosis", "it's don't I'M ‘quoted’ “x”",
    "1234567890 3.14159 1,000,000 2024-01-01 x2 2x ½ ⅓ Ⅷ ² ③ ٣ ௧", "a_b__c --- ... !!! ?! ¿qué? ¡no!",
    "<b>bold</b> &amp; C:\\path a/b\\c|d @user #tag $5 %d ^&*~` € £ ¥ © ® ™ § ¶ • …",
    # The special tokens, whole, broken, in small letters, next to each other.
    "[CLS]", "a[SEP]b", "[SEP][SEP]", "[MASK] me", "[UNK]", "[PAD]", "[cls]", "[ SEP ]", "[SE", "[[SEP]]", "x [MASK]y",
    # White space of all kinds, and what looks like it.
    "a\u00a0b", "a\u2003b", "a\u3000b", "a\u2028b\u2029c", "a\u0085b", "a\u1680b", "a\u200bb", "a\u180eb", "\ufeffa",
    "a\x1cb\x1db\x1eb\x1f", "a\u2060b", "a\u00adb",
    # Control characters and no characters.
    "a\x00b", "\x00", "\x01\x02\x03", "a\x7fb", "a\x80b\x9f", "a\ufffdb", "\ue000\uf8ff", "\U000f0000a", "\u0378",
    # Accents, composed and not, in wrong order, alone, on nothing.
    "café cafe\u0301 CAFÉ naïve Ångström ÀÉÎÕÜ", "x\u0301\u0316\u0323y", "\u0301", "\u0301a", "a\u0301" * 40,
    "İstanbul ISTANBUL ıi", "straße STRASSE ẞ", "ŁÓDŹ łódź Ærøskøbing", "Ǆ ǅ ǆ ŉ ﬁ ﬂ ﬃ", "Ω Ω K K Å Å", "ΑΣ ΟΔΟΣ σς",
    "tiếng Việt", "1\u0338 ≠ =\u0338",
    # Scripts.
    "Привет, мир! ЁЖ йогурт и\u0306", "γειά σου Κόσμε", "שָׁלוֹם עולם", "مُحَمَّد مرحبا", "नमस्ते दुनिया क्षत्रिय",
    "สวัสดีชาวโลก", "こんにちは世界 ガ カ\u3099 ｶﾞ ﾊﾟ", "你好，世界！中文abc混排", "한국어 각 \u1112\u1161\u11ab", "မြန်မာ",
    "ქართული ᲥᲐᲠᲗᲣᲚᲘ", "Հայերեն", "አማርኛ", "𠀀𠮷𪚥𫝀𬺰", "豈更車", "，、。・「」", "𝒳𝓎 𝟙𝟚 ｆｕｌｌ ＷＩＤＴＨ",
    # Emoji: with joiners, variation selectors, skin tones, flags, keycaps.
    "😀", "😀😀😀", "cat😀dog", "👨\u200d👩\u200d👧", "❤\ufe0f", "👍🏽", "🇩🇪🇫🇷", "1\ufe0f\u20e3", "☺ ♥ →",
    # Long words, up to the hundred characters that a word may have.
    "a" * 99, "a" * 100, "a" * 101, "é" * 100, "é" * 101, "ha" * 50, "日" * 101, "x" * 300 + " y",
    "Donaudampfschifffahrtsgesellschaftskapitän",
]
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "etaoin shrdlu ", "0123456789", " \t\n\u00a0\u3000",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßſİı", "\u0300\u0301\u0316\u0323\u0334\u0345",
    "абвгдежзийклмнопАБВГД", "αβγδσςΑΒΓΔΣ", "一二三四五人大小山川", "ぁあぃいかが\u3099アイウ", "각가나다\u1100\u1161",
    "ابتث\u064b\u064c", "कखग\u093c\u094d\u200d", "😀😂❤👍🏽\u200d\ufe0f", "\x00\x01\x1b\x7f\x80\x9f\xad\ufffd",
]
WORDS = """the a of and in to is was it for on as with by that from at his he an were are which this be had or river
mountain city president electric guitar photosynthesis quickly running beautiful unbelievable don't Zürich café 1984
COVID-19 transformer network embedding market earthquake violin's""".split()
SENTENCES = [
    "The cat sits outside.", "A man is playing guitar.", "The new movie is awesome.", "", "?", "😀😀",
    "Photosynthesis turns light into chemical energy.", "Wie spät ist es?", "今天天气很好。", "a\x00b\ufffdc",
    "NASA launched the probe in 1977; it left the heliosphere in 2012.", "[SEP] marks and [MASK] tokens",
]


def random_text(draw, most=60):
    kind = draw.random()
    if kind < 0.4:
        return " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, most)))
    if kind < 0.6:
        tops = (draw.choice([0x80, 0x800, 0x3000, 0x10000, 0x20000, 0x110000]) for _ in range(draw.randint(1, 30)))
        points = [draw.randrange(top) for top in tops]
        return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)
    letters = "".join(draw.sample(ALPHABETS, draw.randint(1, 3)))
    return "".join(draw.choice(letters) for _ in range(draw.randint(1, 80)))


def bert_config(seed: int, vocabulary: int = 100, **more) -> BertConfig:
    """A small BERT; fresh seeds have other widths, depths, heads and places."""
    return BertConfig(
        vocab_size=vocabulary, hidden_size=[32, 48, 24][seed % 3], num_hidden_layers=2 + seed % 3,
        num_attention_heads=[4, 3, 2][seed % 3], intermediate_size=[64, 80, 56][seed % 3],
        max_position_embeddings=[40, 64, 33][seed % 3], layer_norm_eps=1e-12, **more)


def described(config: BertConfig) -> dict:
    """The configuration as a published `config.json` has it."""
    return json.loads(config.to_json_string(use_diff=False))


def network(folder, seed: int, kind, name: str):
    """What a network gives for a padded batch; what stands at padded places means nothing."""
    config = bert_config(seed, num_labels=1)
    model = kind(config)
    manifest = fill(model, seed)
    lengths = [11 + seed % 7, 4, 7, 2]
    shape = (len(lengths), max(lengths))
    ids = torch.from_numpy(((uniform("ids", seed, shape[0] * shape[1]) + 1) * 50).astype("int64").reshape(shape))
    mask = torch.tensor([[int(at < length) for at in range(shape[1])] for length in lengths])
    types = torch.tensor([[int(length // 2 <= at < length) for at in range(shape[1])] for length in lengths])
    out = model(input_ids=ids.clamp(0, 99), attention_mask=mask, token_type_ids=types)
    made = out.last_hidden_state if kind is BertModel else out.logits
    case = dict(script="embed.py", seed=seed, config=described(config), weights=manifest)
    write_case(folder / f"{name}-{seed}", case,
               dict(ids=ids.clamp(0, 99), mask=mask, types=types, made=made))


def blocks(tokenizer):
    """sha256 over the ids, as little-endian u32 with 2^32-1 after each text, of two texts for each code point."""
    found = []
    for first in range(0, 0x110000, BLOCK):
        points = [p for p in range(first, first + BLOCK) if not 0xD800 <= p < 0xE000]
        texts = [text for p in points for text in (f"a{chr(p)}b {chr(p)}", f"E\u0301{chr(p)}\u0334E")]
        digest = hashlib.sha256()
        for each in tokenizer.encode_batch(texts, add_special_tokens=False):
            digest.update(b"".join(number.to_bytes(4, "little") for number in [*each.ids, 0xFFFFFFFF]))
        found.append(digest.hexdigest())
    return found


def wordpiece(folder, seed: int, model: pathlib.Path):
    """Ids of texts alone, between marks up to 32 tokens, and of pairs up to 24."""
    draw = random.Random(seed)
    fresh = [random_text(draw) for _ in range(60 if seed == 0 else 2000)]
    texts = TEXTS + fresh
    tokenizer = BertTokenizerFast(tokenizer_file=str(model / "tokenizer.json"))
    backend = Tokenizer.from_file(str(model / "tokenizer.json"))
    backend.no_padding()
    backend.no_truncation()
    alone = [each.ids for each in backend.encode_batch(texts, add_special_tokens=False)]
    cut = [tokenizer(text, truncation=True, max_length=32).input_ids for text in texts]
    pairs = []
    for _ in range(len(fresh)):
        first, second = draw.choice(texts), draw.choice(texts)
        # In a list: an empty second text that stands alone is taken for none.
        made = tokenizer([first], [second], truncation=True, max_length=24)
        pairs.append([first, second, made.input_ids[0], sum(made.token_type_ids[0])])
    case = dict(family="wordpiece", seed=seed, blocks=blocks(backend))
    case = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in case.items()]
    lines = ",\n".join(json.dumps(list(each)) for each in zip(texts, alone, cut))
    pairs = ",\n".join(json.dumps(each) for each in pairs)
    folder = folder / f"wordpiece-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    text = "{\n" + ",\n".join(case) + f',\n"texts": [\n{lines}\n],\n"pairs": [\n{pairs}\n]\n}}\n'
    (folder / "case.json").write_text(text)
    print(folder, len(text), "bytes")


def sentences(folder, seed: int, model: pathlib.Path):
    """all-MiniLM-L6-v2 on sentences, long texts among them, which are cut at 256 tokens."""
    draw = random.Random(seed)
    texts = SENTENCES + [random_text(draw) for _ in range(12 if seed == 0 else 200)]
    texts += [" ".join(draw.choice(WORDS) for _ in range(count)) for count in (200, 253, 254, 255, 400, 3000)]
    transformer = Transformer(str(model), max_seq_length=256)
    pooling = Pooling(transformer.get_embedding_dimension(), "mean")
    encoder = SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")
    made = encoder.encode(texts, convert_to_tensor=True)
    write_case(folder / f"sentences-{seed}", dict(script="embed.py", seed=seed, texts=texts), dict(made=made))


def reranked(folder, seed: int, model: pathlib.Path):
    """A small cross-encoder through sentence-transformers: its logit, or the sigmoid of it."""
    draw = random.Random(seed)
    config = bert_config(seed, vocabulary=30522, num_labels=1)
    network = BertForSequenceClassification(config)
    manifest = fill(network, seed)
    query = "how do plants turn light into energy?"
    documents = SENTENCES + [random_text(draw, 20) for _ in range(20)] + [" ".join(WORDS * 4)]
    tensors = {}
    with tempfile.TemporaryDirectory() as place:
        network.save_pretrained(place)
        shutil.copy(model / "tokenizer.json", place)
        # A query longer than the places there are is cut too.
        for name, asked in [("short", query), ("long", " ".join(WORDS[:15] * 3))]:
            encoder = CrossEncoder(place, device="cpu", max_length=config.max_position_embeddings)
            pairs = [(asked, document) for document in documents]
            tensors[f"{name}_logits"] = encoder.predict(pairs, activation_fn=torch.nn.Identity(), convert_to_tensor=True)
            tensors[f"{name}_scores"] = encoder.predict(pairs, convert_to_tensor=True)
    case = dict(script="embed.py", seed=seed, config=described(config), weights=manifest, documents=documents,
                short=query, long=" ".join(WORDS[:15] * 3))
    write_case(folder / f"reranked-{seed}", case, tensors)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "golden")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="the folder of all-MiniLM-L6-v2")
    given = parser.parse_args()
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    network(given.out, given.seed, BertModel, "bert")
    network(given.out, given.seed, BertForSequenceClassification, "classifier")
    wordpiece(given.out, given.seed, given.model)
    sentences(given.out, given.seed, given.model)
    reranked(given.out, given.seed, given.model)


if __name__ == "__main__":
    main()
