"""What Whisper is checked against: transformers' spectrograms, networks and vocabulary.

usage: recogniser.py [--out DIR] [--seed N] [--tokenizer tokenizer.json]

The tokenizer is that of the catalogue's `whisper-base-ct2`.
"""

import hashlib
import random

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

import reference


def sound(name: str, seed: int, count: int) -> np.ndarray:
    """Noise, a third of it loud, a third hardly heard, the rest silent."""
    samples = reference.uniform(name, seed, count)
    gain = np.concatenate([np.full(count // 3, 0.3), np.full(count // 3, 1e-4), np.zeros(count)])[:count]
    return samples * gain.astype(np.float32)


def mels(out, seed: int):
    draw = random.Random(seed)
    for bands in (80, 128):
        frames = 100 * draw.choice([1, 2])
        samples = sound(f"mel-{bands}", seed, frames * 160 - draw.randrange(5000))
        extractor = WhisperFeatureExtractor(feature_size=bands, chunk_length=frames // 100)
        padded = np.concatenate([samples, np.zeros(frames * 160 - len(samples), np.float32)])
        # The one in NumPy computes in f64; the one in PyTorch differs from it by f32's rounding.
        expected = extractor._np_extract_fbank_features(padded[None], "cpu")[0]
        case = {"seed": seed, "bands": bands, "frames": frames, "samples": len(samples)}
        reference.write_case(out / f"whisper-mel-{bands}", case, {"mel": expected.astype(np.float32)})


def shapes(seed: int) -> dict:
    """The configurations by variant."""
    if seed == 0:
        return {
            "tied": dict(d_model=32, encoder_layers=2, decoder_layers=2, heads=(4, 4), ffn=(48, 40), mels=8, dtype="f32"),
            "untied": dict(d_model=24, encoder_layers=1, decoder_layers=3, heads=(2, 3), ffn=(32, 64), mels=5, dtype="f32"),
            "half": dict(d_model=16, encoder_layers=1, decoder_layers=1, heads=(2, 2), ffn=(16, 16), mels=4, dtype="f16"),
            "brain": dict(d_model=16, encoder_layers=1, decoder_layers=1, heads=(1, 1), ffn=(16, 16), mels=4, dtype="bf16"),
        }
    draw = random.Random(seed)
    made = {}
    for n, dtype in enumerate(["f32", "f32", "f16", "bf16"]):
        heads = (draw.choice([1, 2, 4]), draw.choice([1, 2, 4]))
        made[f"drawn-{n}"] = dict(
            d_model=8 * draw.randint(1, 6), encoder_layers=draw.randint(1, 3), decoder_layers=draw.randint(1, 3),
            heads=heads, ffn=(draw.randint(8, 64), draw.randint(8, 64)), mels=draw.randint(3, 16), dtype=dtype,
        )
    return made


TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def networks(out, seed: int):
    draw = random.Random(seed)
    for variant, shape in shapes(seed).items():
        positions, tied = draw.randint(10, 20), variant != "untied"
        config = WhisperConfig(
            vocab_size=53, num_mel_bins=shape["mels"], d_model=shape["d_model"],
            encoder_layers=shape["encoder_layers"], decoder_layers=shape["decoder_layers"],
            encoder_attention_heads=shape["heads"][0], decoder_attention_heads=shape["heads"][1],
            encoder_ffn_dim=shape["ffn"][0], decoder_ffn_dim=shape["ffn"][1],
            max_source_positions=positions, max_target_positions=24, tie_word_embeddings=tied,
            pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
        )
        config._attn_implementation = "eager"
        model = WhisperForConditionalGeneration(config)
        manifest, state = {}, model.state_dict()
        for name, tensor in state.items():
            if tied and name == "proj_out.weight":
                continue
            weight = reference.filled(name, tensor.shape, seed).to(TYPES[shape["dtype"]])
            state[name].copy_(weight.to(torch.float32))
            manifest[name] = list(tensor.shape)
        model.eval()
        windows, texts = draw.randint(1, 2), draw.randint(1, 3)
        steps = draw.randint(5, 12)
        mel = torch.from_numpy(reference.uniform("mel", seed, windows * shape["mels"] * positions * 2))
        mel = mel.reshape(windows, shape["mels"], positions * 2)
        ids = torch.tensor([[draw.randrange(53) for _ in range(steps)] for _ in range(windows * texts)])
        encoded = model.model.encoder(mel).last_hidden_state
        made = model(
            encoder_outputs=(encoded.repeat_interleave(texts, 0),), decoder_input_ids=ids, output_attentions=True,
        )
        # (layers, windows * texts, heads, steps, positions)
        attention = torch.stack(made.cross_attentions)
        case = {
            "seed": seed, "dtype": shape["dtype"], "config": {
                key: getattr(config, key) for key in (
                    "d_model", "encoder_layers", "encoder_attention_heads", "encoder_ffn_dim", "decoder_layers",
                    "decoder_attention_heads", "decoder_ffn_dim", "vocab_size", "num_mel_bins",
                    "max_source_positions", "max_target_positions",
                )
            },
            "weights": manifest, "windows": windows, "texts": texts, "first": draw.randint(1, steps - 1),
        }
        tensors = {"ids": ids, "encoded": encoded, "logits": made.logits, "attention": attention}
        reference.write_case(out / f"whisper-network-{variant}", case, tensors)


SAID = [
    "It was the best of times, it was the worst of times.", " Ever tried.  Ever failed.\nNo matter…", "don't we'll I'm",
    "Größe, naïve, façade", "今日は良い天気ですね。", "שלום עולם", "🙂🙃 12,345.67%", "\t\n  x   ", "a" * 50, "l’été — où?",
    "नमस्ते दुनिया", "e\u0301 vs \u00e9", "",
]


def tokens(out, seed: int, path: str):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=path)
    draw = random.Random(seed)
    said = list(SAID)
    for _ in range(40):
        blocks = [(32, 126), (32, 126), (0xA0, 0x17F), (0x370, 0x5FF), (0x3040, 0x30FF), (0x4E00, 0x4FFF), (0x1F600, 0x1F64F)]
        low, high = draw.choice(blocks)
        said.append("".join(draw.choice(" \n") if draw.random() < 0.2 else chr(draw.randint(low, high)) for _ in range(draw.randint(1, 60))))
    def decode(ids):
        return tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    texts = [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False)} for text in said]
    sequences = []
    for _ in range(100):
        ids = [draw.randrange(50364) for _ in range(draw.randint(1, 30))]
        sequences.append({"ids": ids, "text": decode(ids)})
    every = hashlib.sha256("\0".join(decode([n]) for n in range(50364)).encode()).hexdigest()
    case = {"seed": seed, "texts": texts, "sequences": sequences, "every": every}
    reference.write_case(out / "whisper-tokens-0", case, {"none": np.zeros(1, np.float32)})


def main():
    import pathlib
    import sys

    default = pathlib.Path.home() / ".cache/reelsmith/models/whisper-base-ct2/tokenizer.json"
    path = str(default)
    if "--tokenizer" in sys.argv:
        at = sys.argv.index("--tokenizer")
        path = sys.argv[at + 1]
        del sys.argv[at : at + 2]
    args = reference.arguments(__doc__)
    mels(args.out, args.seed)
    networks(args.out, args.seed)
    tokens(args.out, args.seed, path)


if __name__ == "__main__":
    main()
