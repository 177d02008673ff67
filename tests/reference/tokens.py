"""Token ids of hard and of random texts by transformers' CLIPTokenizer, as SDXL's two encoders get them.

Both tokenisers have the vocabulary of OpenAI's `bpe_simple_vocab_16e6.txt.gz`; the second one (bigG) pads with
`!`, which changes the ids of every text that has one. A case holds no tensors: its `case.json` has texts with
their ids, and that of the first tokeniser for all code points the sha256 of the ids of texts made with them, by
blocks of 16,384.

Needs no network with `--merges FILE`; else it has pip fetch the package that holds the file.
"""

import argparse
import gzip
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import zipfile

from transformers import CLIPTokenizer

PACKAGE = "open-clip-torch==3.3.0"
MEMBER = "open_clip/bpe_simple_vocab_16e6.txt.gz"
BLOCK = 1 << 14

# What texts of hard cases are made of; joined below in more ways than written here.
TEXTS = [
    "", " ", "\t\n\r\x0b\x0c", "a", "A", "!", "hello world", "Hello, World!", "a photo of a cat",
    "an astronaut riding a horse on mars, 4k, highly detailed, trending on artstation",
    "masterpiece,best quality,1girl,solo,long hair,looking at viewer",
    # Contractions, straight and typographic, and apostrophes where there is no contraction.
    "I'm you're he's we've they'd I'll don't it's", "I'M YOU'RE HE'S WE'VE THEY'D I'LL DON'T IT'S",
    "it’s don’t ‘quoted’", "'s't're've'm'll'd", "''s", "!'s", "'ss", "rock'n'roll", "o'clock", "'", "''", "'''''",
    # Numbers are taken digit by digit.
    "1234567890", "3.14159", "1,000,000", "2024-01-01", "x2 2x", "½ ⅓ Ⅷ ² ③ ٣ ௧ 一 〇", "0x1F", "1e-5",
    # Punctuation, markup, underscores.
    "!!! ??? ...", "hi!! there! !", "a!b!c", "(((nested)))", "[x]", "{x}", "a_b__c___d", "_", "__init__",
    "<b>bold</b> &amp; &lt;tag&gt; &#39;", "<!-- -->", "C:\\path\\to\\file", "a/b\\c|d", "@user #tag $5 %d ^&*~`",
    "http://example.com/?q=a&b=c#d", "mail@example.com", "</w>", "a</w>b", "Ġ Ċ Ā", "\\(x\\)", "-_-", ":-)", "→←↑↓",
    # The marks, whole, broken and in capitals.
    "<|endoftext|>", "<|startoftext|>", "a<|endoftext|>b", "a <|startoftext|> b", "<|ENDOFTEXT|>", "x<|EndOfText|>!!",
    "!<|ENDOFTEXT|>", "<|STARTOFTEXT|><|STARTOFTEXT|>", "<|endoftext|", "<|endoftext |>", "< |endoftext|>",
    "<|endoftext|><|endoftext|>", "<|endoftext|>\u0301", "<<|endoftext|>>", "<|<|endoftext|>|>",
    # White space of all kinds, and what looks like it.
    "a  b", " a b ", "a\u00a0b", "a\u2003b", "a\u3000b", "a\u2028b\u2029c", "a\u0085b", "a\u1680b", "a\u202fb",
    "a\x1cb\x1db\x1eb\x1f", "a\u200bb", "a\u180eb", "a\ufeffb", "\ufeffa", "a\u2060b", "a\u00adb", "a\u2000\u2001b",
    # Control characters.
    "a\x00b", "\x00", "\x01\x02\x03", "a\x7fb", "a\x80b\x9f", "a\x08b",
    # Letters with signs, composed and not, and in an order that is not canonical.
    "café CAFÉ cafe\u0301", "naïve façade Zürich", "Å \u212b A\u030a", "ñ n\u0303", "a\u0301\u0323 a\u0323\u0301",
    "\u0301", "\u0301a", "a\u0301\u0301\u0301\u0301", "Z\u0351\u036b\u0343a\u0361l\u0348g\u0321o", "!\u0338 =\u0338",
    "\u1e9b\u0323", "ﬁ ﬂ ﬃ", "ǅ ǆ Ǆ", "\u0344", "\u0f73", "\u2126 \u212a", "\uf900 \ufa0e", "e\u0334\u0301",
    # Case: long s, dotted I, sharp s, final sigma, Georgian, Cherokee, title case, capitals in other planes.
    "ſ ſt ſs", "İ I ı i İSTANBUL", "ß ẞ STRASSE", "ΟΔΥΣΣΕΥΣ ΣΑΣ Σ", "ᲐᲑ აბ", "Ꭰ ꭰ", "ᾈ ᾀ", "𐐀 𐐨", "𝐀 𝒜 𝔄", "Ⓐ ⓐ",
    "Ⅻ ⅻ", "Ω Ω", "K K",
    # Composition and order that later versions of Unicode know, and the reference does not.
    "\U00011935\U00011930", "\U00016d67\U00016d67", "\U0001611e\U0001611e", "\U00011382\U000113c9",
    "\U000105d2\u0307", "x\u1df6\u0334", "x\u0301\u08d3", "x\u0301\u0316", "x\u08e0\u0316\u1ac1\u0301",
    # Scripts.
    "Привет, мир! ЁЖ йогурт и\u0306", "γειά σου Κόσμε", "שלום עולם", "שׁ\u05b8לוֹם", "مرحبا بالعالم", "مُحَمَّد",
    "नमस्ते दुनिया", "क्षत्रिय", "สวัสดีชาวโลก", "ສະບາຍດີ", "こんにちは世界", "ｶﾞ ガ カ\u3099 ﾊﾟ", "你好，世界！", "한국어",
    "\u1112\u1161\u11ab\u1100\u116e\u11a8", "각 \uac00\u11a8", "မြန်မာ", "ខ្មែរ", "ქართული", "Հայերեն", "አማርኛ", "𠀀𠮷𪚥",
    "，、。・「」", "tiếng Việt", "ŁÓDŹ łódź", "Ærøskøbing", "ꙮ", "𒀀𒁀", "ᚠᚢᚦ",
    # Emoji: with joiners, variation selectors, skin tones, flags, keycaps, tags.
    "😀", "😀😀😀", "cat😀dog", "👨\u200d👩\u200d👧\u200d👦", "❤\ufe0f ❤", "👍🏽", "🇩🇪🇫🇷🇯", "1\ufe0f\u20e3", "🏴\U000e0067\U000e0062",
    "☺ ☻ ♥", "🫠🪿🫨", "\u200d", "\u200c", "a\u200db", "क\u094d\u200dष",
    # Next to the surrogates, at the ends of planes, private use, no characters.
    "\ud7ff\ue000", "\uffff\ufffe\ufffd", "\U00010000", "\U0010ffff", "\U000f0000", "\ufdd0", "\U0001fffe", "\u0378",
    # Long words.
    "a" * 77, "ab" * 60, "Donaudampfschifffahrtsgesellschaftskapitän", "pneumonoultramicroscopicsilicovolcanoconiosis",
    "supercalifragilisticexpialidocious", "=" * 100, "!" * 30, "?!" * 30, "😀" * 30, "\u0301" * 40, "ha" * 100, "日本" * 40,
    "aaaaaaaaab", "thethethe", "inininin", "the the the", "x" * 300 + "y",
]

# Alphabets of random texts; a text mixes one to three of them.
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "etaoin shrdlu ", "0123456789", " \t\n\u00a0\u3000",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "'s't're've'm'll'd ", "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßſİı",
    "\u0300\u0301\u0302\u0307\u0308\u0323\u0327\u0334\u0338\u0345", "абвгдежзийклмнопАБВГД", "αβγδσςΑΒΓΔΣ",
    "一二三四五人大小山川", "ぁあぃいかがさざ\u3099\u309aアイウ", "각가나다\u1100\u1161\u11a8", "ابتثج\u064b\u064c\u0651", "אבגד\u05b8\u05bc",
    "कखग\u093c\u094d\u200d", "กขค\u0e38\u0e48", "😀😂❤👍🏽\u200d\ufe0f🇩🇪", "\x00\x01\x1b\x7f\x80\x9f\xad",
]
WORDS = "a the cat dog's photo of portrait, 4k ultra-detailed masterpiece HDR don't <|endoftext|> painting! by café".split()


def vocabulary(path):
    """Tokens and merges of OpenAI's file, in the order of its simple_tokenizer.py."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + n) for n in range(len(others))]
    lines = gzip.open(path).read().decode().split("\n")
    merges = [tuple(line.split()) for line in lines[1 : 49152 - 256 - 2 + 1]]
    tokens = letters + [letter + "</w>" for letter in letters] + ["".join(merge) for merge in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    assert len(set(tokens)) == 49408
    return {token: number for number, token in enumerate(tokens)}, merges


def fetched():
    """The merges file out of its package."""
    folder = pathlib.Path(tempfile.mkdtemp())
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, PACKAGE], check=True)
    return zipfile.ZipFile(next(folder.glob("*.whl"))).extract(MEMBER, folder)


def random_text(draw):
    kind = draw.random()
    if kind < 0.3:
        return " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 60)))
    if kind < 0.5:
        points = (draw.choice([0x80, 0x800, 0x3000, 0x10000, 0x20000, 0x110000]) for _ in range(draw.randint(1, 30)))
        points = [draw.randrange(top) for top in points]
        return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)
    letters = "".join(draw.sample(ALPHABETS, draw.randint(1, 3)))
    return "".join(draw.choice(letters) for _ in range(draw.randint(1, 80)))


def blocks(encode):
    """sha256 over the ids, as little-endian u32 with 2^32-1 after each text, of two texts for each code point."""
    found = []
    for first in range(0, 0x110000, BLOCK):
        points = [p for p in range(first, first + BLOCK) if not 0xD800 <= p < 0xE000]
        texts = [text for p in points for text in (f"a{chr(p)}b {chr(p)}", f"x\u0301{chr(p)}\u0334")]
        digest = hashlib.sha256()
        for ids in encode(texts):
            digest.update(b"".join(number.to_bytes(4, "little") for number in [*ids, 0xFFFFFFFF]))
        found.append(digest.hexdigest())
    return found


def write(folder, seed, pad, tokenizer, texts):
    def encode(texts):
        encoded = tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
        return [each.ids for each in encoded]

    ids = encode(texts)
    assert all(tokenizer(text).input_ids[1:-1] == each for text, each in zip(texts, ids))
    case = {"family": "tokens", "seed": seed, "pad": pad, "blocks": [] if pad == "!" else blocks(encode)}
    # As a pipeline in diffusers calls it; last, since the tokeniser truncates from then on.
    case["padded"] = ["a cat!", tokenizer("a cat!", padding="max_length", max_length=77, truncation=True).input_ids]
    case = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in case.items()]
    lines = ",\n".join(json.dumps([text, each]) for text, each in zip(texts, ids))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "case.json").write_text("{\n" + ",\n".join(case) + f',\n"texts": [\n{lines}\n]\n}}\n')
    print(folder, (folder / "case.json").stat().st_size, "bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "golden")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--merges", type=pathlib.Path, help="bpe_simple_vocab_16e6.txt.gz")
    arguments = parser.parse_args()
    vocab, merges = vocabulary(arguments.merges or fetched())
    draw = random.Random(arguments.seed)
    # The committed texts have few random ones, to be small; another seed has many.
    fresh = [random_text(draw) for _ in range(100 if arguments.seed == 0 else 3000)]
    pairs = [draw.choice(TEXTS) + draw.choice(["", " ", ",", "!", "'s "]) + draw.choice(TEXTS) for _ in range(len(fresh))]
    for variant, pad in [("clip", "<|endoftext|>"), ("bigg", "!")]:
        tokenizer = CLIPTokenizer(vocab=vocab, merges=merges, pad_token=pad)
        write(arguments.out / f"tokens-{variant}", arguments.seed, pad, tokenizer, TEXTS + fresh + pairs)


if __name__ == "__main__":
    main()
