"""whisper.cpp as a contender of `reelsmith-benches transcribe`, through the package pywhispercpp.

usage: transcribe_whisper_cpp.py MODEL_DIR PRECISION THREADS

MODEL_DIR holds the model in CTranslate2's layout (model.bin in fp16, tokenizer.json); the very same weights are written
down in ggml's format first: in fp16, as whisper.cpp's own models are, for PRECISION float32, and in q8_0 for int8.

Reads {"sound": file of f32 samples at 16 kHz, "beams": n, "batch": n} a line from standard input, transcribes it, and
answers one line of JSON: {"cpu": seconds, "wall": seconds, "text": …, "words": [[word, start] …]}.
"""

import json
import os
import resource
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from pywhispercpp.model import Model

# ggml.h: the types of a tensor, and those of a file with the version of its quantisation (`GGML_QNT_VERSION_FACTOR`).
F32, F16, Q8_0 = 0, 1, 8
FILE_F16, FILE_Q8_0 = 1, 7 + 2 * 1000
MAGIC = 0x67676D6C
BLOCK = 32


def read_ctranslate2(path: Path) -> dict[str, np.ndarray]:
    """CTranslate2, `src/models/model.cc`, `Model::load`."""
    data, at = path.read_bytes(), 0

    def take(form: str):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values[0]

    def name() -> str:
        nonlocal at
        length = take("H")
        text = data[at : at + length - 1].decode()
        at += length
        return text

    take("I"), name(), take("I")
    types = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}
    tensors = {}
    for _ in range(take("I")):
        key = name()
        shape = [take("I") for _ in range(take("B"))]
        kind, length = take("B"), take("I")
        tensors[key] = np.frombuffer(data, types[kind], length // np.dtype(types[kind]).itemsize, at).reshape(shape)
        at += length
    return tensors


def openai_names(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors under the names of openai-whisper, which whisper.cpp reads."""
    whole = {
        "encoder/position_encodings/encodings": "encoder.positional_embedding",
        "decoder/position_encodings/encodings": "decoder.positional_embedding",
        "decoder/embeddings/weight": "decoder.token_embedding.weight",
    }
    layers = {
        "encoder/conv1": ["encoder.conv1"],
        "encoder/conv2": ["encoder.conv2"],
        "encoder/layer_norm": ["encoder.ln_post"],
        "decoder/layer_norm": ["decoder.ln"],
    }
    parts = {
        "self_attention/layer_norm": ["attn_ln"],
        "self_attention/linear_0": ["attn.query", "attn.key", "attn.value"],
        "self_attention/linear_1": ["attn.out"],
        "attention/layer_norm": ["cross_attn_ln"],
        "attention/linear_0": ["cross_attn.query"],
        "attention/linear_1": ["cross_attn.key", "cross_attn.value"],
        "attention/linear_2": ["cross_attn.out"],
        "ffn/layer_norm": ["mlp_ln"],
        "ffn/linear_0": ["mlp.0"],
        "ffn/linear_1": ["mlp.2"],
    }
    named = {}
    for key, tensor in tensors.items():
        layer, _, kind = key.rpartition("/")
        side, _, rest = layer.partition("/")
        number, _, part = rest.partition("/")
        if key in whole:
            named[whole[key]] = tensor
            continue
        if layer in layers:
            names = layers[layer]
        elif number.startswith("layer_") and part in parts:
            names = [f"{side}.blocks.{number.removeprefix('layer_')}.{name}" for name in parts[part]]
        else:
            continue
        kind = {"gamma": "weight", "beta": "bias"}.get(kind, kind)
        for name, piece in zip(names, np.split(tensor, len(names))):
            # Keys have no bias there; CTranslate2's are zeros.
            if not (name.endswith(".key") and kind == "bias"):
                named[f"{name}.{kind}"] = piece
    return named


def letters_to_bytes() -> dict[str, int]:
    """GPT-2's characters for bytes (`encoder.py`, `bytes_to_unicode`)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + n): byte for n, byte in enumerate(others)}


def q8_0(tensor: np.ndarray) -> bytes:
    """ggml-quants.c, `quantize_row_q8_0_ref`: blocks of 32 with one scale in half precision."""
    blocks = tensor.astype(np.float32).reshape(-1, BLOCK)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127
    whole = np.rint(np.divide(blocks, scale, out=np.zeros_like(blocks), where=scale > 0)).astype(np.int8)
    packed = np.empty(len(blocks), dtype=[("scale", "<f2"), ("whole", "i1", BLOCK)])
    packed["scale"], packed["whole"] = scale[:, 0], whole
    return packed.tobytes()


def write_ggml(folder: Path, out, is_quantised: bool) -> None:
    """whisper.cpp, `models/convert-pt-to-ggml.py` and `whisper_model_load`."""
    raw = read_ctranslate2(folder / "model.bin")
    tensors = openai_names(raw)
    width, bands, _ = tensors["encoder.conv1.weight"].shape
    vocabulary = tensors["decoder.token_embedding.weight"].shape[0]
    heads = int(raw["encoder/num_heads"])
    layers = lambda side: sum(name.startswith(f"{side}.blocks") and name.endswith("mlp_ln.bias") for name in tensors)
    audio, text = (len(tensors[f"{side}.positional_embedding"]) for side in ("encoder", "decoder"))
    shape = [vocabulary, audio, width, heads, layers("encoder"), text, width, heads, layers("decoder"), bands]
    out.write(struct.pack("<12i", MAGIC, *shape, FILE_Q8_0 if is_quantised else FILE_F16))
    filters = FeatureExtractor.get_mel_filters(16_000, 400, bands).astype("<f4")
    out.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
    table = letters_to_bytes()
    tokens = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    tokens = [token for token in sorted(tokens, key=tokens.get) if not token.startswith("<|")]
    out.write(struct.pack("<i", len(tokens)))
    for token in tokens:
        spelt = bytes(table[letter] for letter in token)
        out.write(struct.pack("<i", len(spelt)) + spelt)
    for name, tensor in tensors.items():
        if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
            tensor = tensor.reshape(-1, 1)
        stays = tensor.ndim < 2 or name.endswith(("conv1.bias", "conv2.bias", "positional_embedding"))
        kind = F32 if stays else Q8_0 if is_quantised and tensor.ndim == 2 else F16
        out.write(struct.pack("<3i", tensor.ndim, len(name), kind))
        out.write(struct.pack(f"<{tensor.ndim}i", *tensor.shape[::-1]) + name.encode())
        out.write(q8_0(tensor) if kind == Q8_0 else tensor.astype("<f4" if kind == F32 else "<f2").tobytes())


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    folder, precision, threads = sys.argv[1:]
    # What the library prints goes to standard error: standard output is for answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "ggml.bin"
        with path.open("wb") as out:
            write_ggml(Path(folder), out, precision == "int8")
        usual = dict(n_threads=int(threads), language="en", print_progress=False, print_realtime=False)
        usual |= dict(redirect_whispercpp_logs_to=None, token_timestamps=True, max_len=1, split_on_word=True)
        models = {
            False: Model(str(path), params_sampling_strategy=0, **usual),
            True: Model(str(path), params_sampling_strategy=1, **usual),
        }
    for line in sys.stdin:
        ask = json.loads(line)
        sound = np.fromfile(ask["sound"], "<f4")
        model = models[ask["beams"] > 1]
        more = dict(beam_search={"beam_size": ask["beams"], "patience": -1.0}) if ask["beams"] > 1 else {}
        cpu, wall = cpu_seconds(), time.perf_counter()
        words = model.transcribe(sound, **more)
        heard = {
            "cpu": cpu_seconds() - cpu,
            "wall": time.perf_counter() - wall,
            "text": " ".join(word.text for word in words),
            "words": [[word.text, word.t0 / 100] for word in words],
        }
        print(json.dumps(heard), file=answers, flush=True)


if __name__ == "__main__":
    main()
