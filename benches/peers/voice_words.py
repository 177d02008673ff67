"""Word error rate of speech: what Whisper base hears against what should be said.

usage: voice_words.py WHISPER_DIR SPEECH_DIR SENTENCES_TSV

SPEECH_DIR holds 000.f32, 001.f32 ... (mono, 24 kHz, little-endian), one for each line of SENTENCES_TSV
(written form TAB spoken form). Whisper writes what it hears sometimes as "twenty-four seven" and sometimes as "24/7":
both sides go through Whisper's own English normaliser, and what it hears is compared with the spoken and with the
written form, the fewer errors counting. Nothing else is forgiven.
Prints JSON: {"wer": ..., "errors": ..., "words": ..., "sentences": [{"expected", "heard", "errors", "words"}, ...]}.
"""

import json
import sys
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel
from whisper_normalizer.english import EnglishTextNormalizer

RATE = 24_000


def resample_to_16k(samples: np.ndarray) -> np.ndarray:
    """Band-limited resampling in the frequency domain; the pieces are short."""
    wanted = int(round(len(samples) * 16_000 / RATE))
    spectrum = np.fft.rfft(samples)
    return (np.fft.irfft(spectrum[: wanted // 2 + 1], wanted) * wanted / len(samples)).astype(np.float32)


def errors(expected: list[str], heard: list[str]) -> int:
    row = list(range(len(heard) + 1))
    for i, word in enumerate(expected):
        diagonal, row[0] = row[0], i + 1
        for j, other in enumerate(heard):
            diagonal, row[j + 1] = row[j + 1], min(diagonal + (word != other), row[j] + 1, row[j + 1] + 1)
    return row[-1]


def main() -> None:
    whisper, speech, sentences = sys.argv[1:]
    model = WhisperModel(whisper, device="cpu", compute_type="float32", cpu_threads=2, local_files_only=True)
    normalise = EnglishTextNormalizer()
    rows = []
    for at, line in enumerate(Path(sentences).read_text(encoding="utf-8").splitlines()):
        written, spoken = line.split("\t")
        samples = np.fromfile(Path(speech) / f"{at:03}.f32", dtype="<f4")
        segments, _ = model.transcribe(
            resample_to_16k(samples), language="en", beam_size=5, condition_on_previous_text=False
        )
        text = " ".join(segment.text.strip() for segment in segments)
        expected, heard = normalise(spoken).split(), normalise(text).split()
        wrong = min(errors(expected, heard), errors(normalise(written).split(), heard))
        rows.append({"expected": spoken, "heard": text, "errors": wrong, "words": len(expected)})
    wrong, words = sum(r["errors"] for r in rows), sum(r["words"] for r in rows)
    json.dump({"wer": wrong / words, "errors": wrong, "words": words, "sentences": rows}, sys.stdout)


if __name__ == "__main__":
    main()
