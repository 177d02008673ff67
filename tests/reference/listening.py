"""What listening is checked against: openai-whisper's rules of decoding and its alignment of words, Silero's detector.

usage: listening.py [--out DIR] [--seed N]
"""

import hashlib
import pathlib
import random

import numpy as np
import onnxruntime
import silero_vad
import torch
from whisper.decoding import ApplyTimestampRules, SuppressBlank, SuppressTokens
from whisper.timing import dtw, median_filter
from whisper.tokenizer import get_tokenizer

import reference

VOCABULARY = 51865
SAID = [
    " It was the best of times, it was the worst of times.", " Ever tried. Ever failed. No matter!", " 今日は良い天気ですね。",
    " \"Well,\" she said (quietly), \"no.\"", " Größe – naïve façade… 12.5%", " don't we'll 🙂 go",
]


def rules(out, seed: int):
    tokenizer = get_tokenizer(multilingual=True, num_languages=99, language="en", task="transcribe")
    special = [
        tokenizer.transcribe, tokenizer.translate, tokenizer.sot, tokenizer.sot_prev, tokenizer.sot_lm, tokenizer.no_speech,
    ]
    filters = [
        SuppressBlank(tokenizer, 0), SuppressTokens([*tokenizer.non_speech_tokens, *special]),
        ApplyTimestampRules(tokenizer, 0, 50),
    ]
    draw = random.Random(seed)
    first, texts = tokenizer.timestamp_begin, []
    for n in range(24):
        said, time = [], 0
        for _ in range(draw.randint(0, 6)):
            time = min(1500, time + draw.randint(0, 200))
            said.append(first + time)
            said.extend(draw.randrange(50257) for _ in range(draw.randint(0, 3)))
        texts.append([] if n == 0 else said)
    cases = []
    for n, said in enumerate(texts):
        # Times are likelier in every other one.
        logits = reference.uniform(f"logits-{n}", seed, VOCABULARY) * np.float32(10)
        logits[first:] += np.float32(4) * np.float32(n % 2)
        logits = torch.from_numpy(logits)[None]
        for one in filters:
            one.apply(logits, torch.tensor([said], dtype=torch.int64))
        allowed = torch.isfinite(logits[0]).numpy()
        # Languages are never said here; there, they are not forbidden.
        allowed[tokenizer.sot + 1 : tokenizer.translate] = False
        cases.append({"said": said, "count": int(allowed.sum()), "allowed": hashlib.sha256(allowed.tobytes()).hexdigest()})
    reference.write_case(out / "whisper-rules-0", {"seed": seed, "cases": cases}, {"none": np.zeros(1, np.float32)})


def words(out, seed: int):
    draw = random.Random(seed)
    for n, text in enumerate(SAID):
        language = "ja" if "今" in text else "en"
        tokenizer = get_tokenizer(multilingual=True, num_languages=99, language=language, task="transcribe")
        tokens = tokenizer.encode(text)
        before, heads, frames = 3, draw.randint(1, 4), draw.randint(40, 90)
        rows, heard = before + 1 + len(tokens) + 1, draw.randint(30, frames)
        scores = reference.uniform(f"scores-{n}", seed, heads * rows * frames).reshape(heads, rows, frames) * 2
        for row in range(rows):
            # Each token listens near its own time.
            scores[:, row, min(frames - 1, row * heard // rows)] += 6
        scores = scores.astype(np.float32)
        weights = torch.from_numpy(scores)[:, :, :heard].softmax(dim=-1)
        std, mean = torch.std_mean(weights, dim=-2, keepdim=True, unbiased=False)
        weights = median_filter((weights - mean) / std, 7)
        text_indices, time_indices = dtw(-weights.mean(axis=0)[before:-1])
        parts, part_tokens = tokenizer.split_to_word_tokens(tokens + [tokenizer.eot])
        bounds = np.pad(np.cumsum([len(t) for t in part_tokens[:-1]]), (1, 0))
        jumps = np.pad(np.diff(text_indices), (1, 0), constant_values=1).astype(bool)
        times = time_indices[jumps] / 50
        case = {
            "seed": seed, "language": language, "tokens": tokens, "before": before, "heard": heard, "frames": frames,
            "heads": heads, "words": parts[:-1], "starts": times[bounds[:-1]].tolist(), "ends": times[bounds[1:]].tolist(),
        }
        reference.write_case(out / f"whisper-words-{n}", case, {"scores": scores})


def voice(seed: int) -> np.ndarray:
    """Harmonics of a low tone that swell as syllables do, between stretches of noise and silence."""
    draw = random.Random(seed)
    time = np.arange(16000 * 4) / 16000
    pitch = 110 + 60 * draw.random() + 15 * np.sin(2 * np.pi * 3 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    formants = [(500, 200), (1500, 300), (2500, 400)]
    sound = np.zeros_like(time)
    for harmonic in range(1, 30):
        at = harmonic * pitch.mean()
        gain = sum(np.exp(-(((at - centre) / width) ** 2)) for centre, width in formants) + 0.02
        sound += gain * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)
    sound *= 0.1 * syllables * ((time % 2) < 1.3)
    noise = reference.uniform("noise", seed, len(time))
    return (sound + 0.003 * noise).astype(np.float32)[: 16000 * 4 - draw.randrange(512)]


def detector(out, seed: int):
    path = pathlib.Path(silero_vad.__file__).parent / "data/silero_vad_16k_op15.onnx"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    # What is stored is what is heard.
    sound = voice(seed).astype(np.float16).astype(np.float32)
    padded = np.concatenate([np.zeros(64, np.float32), sound, np.zeros(-len(sound) % 512, np.float32)])
    state, likely = np.zeros((2, 1, 128), np.float32), []
    for at in range(64, len(padded), 512):
        given = {"input": padded[None, at - 64 : at + 512], "state": state, "sr": np.array(16000, np.int64)}
        made, state = session.run(None, given)
        likely.append(made[0, 0])
    print("likely from", min(likely), "to", max(likely))
    tensors = {"sound": sound.astype(np.float16), "likely": np.array(likely, np.float32)}
    reference.write_case(out / "silero-0", {"seed": seed}, tensors)


def main():
    args = reference.arguments(__doc__)
    rules(args.out, args.seed)
    words(args.out, args.seed)
    detector(args.out, args.seed)


if __name__ == "__main__":
    main()
