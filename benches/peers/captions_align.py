"""Where the words of speech lie, by two independent aligners.

usage: captions_align.py WHISPER_DIR SPEECH_DIR WORDS_JSON

SPEECH_DIR holds 000.f32, 001.f32 ... (mono, 24 kHz, little-endian); WORDS_JSON is a list of lists: the words of
each, as written. Prints JSON, a list of {"pocketsphinx": [[start, end], ...] or null, "whisper": [start or null, ...]}.
PocketSphinx (hidden Markov models, 10 ms frames) is given the words and finds their times; null where it knows not
every word or finds no path. Whisper (cross-attention) hears for itself; null for a word that it heard otherwise.
"""

import difflib
import json
import re
import sys
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel
from pocketsphinx import Decoder

from voice_words import resample_to_16k


def plain(word: str) -> str:
    return re.sub(r"[^a-z']", "", word.lower().replace("\u2019", "'")).strip("'")


def by_pocketsphinx(decoder: Decoder, samples: np.ndarray, words: list[str]) -> list[list[float]] | None:
    if any(decoder.lookup_word(word) is None for word in words):
        return None
    pcm = (samples / max(np.abs(samples).max(), 1e-6) * 0.7 * 32767).astype("<i2").tobytes()
    decoder.set_align_text(" ".join(words))
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    found = [s for s in decoder.seg() or [] if not s.word.startswith(("<", "[", "("))]
    if [re.sub(r"\(\d+\)$", "", s.word) for s in found] != words:
        return None
    return [[s.start_frame / 100, (s.end_frame + 1) / 100] for s in found]


def by_whisper(model: WhisperModel, samples: np.ndarray, words: list[str]) -> list[float | None]:
    segments, _ = model.transcribe(samples, language="en", beam_size=5, word_timestamps=True)
    heard = [(plain(word.word), word.start) for segment in segments for word in segment.words]
    starts: list[float | None] = [None] * len(words)
    matcher = difflib.SequenceMatcher(a=words, b=[word for word, _ in heard], autojunk=False)
    for ours, theirs, size in matcher.get_matching_blocks():
        for i in range(size):
            starts[ours + i] = float(heard[theirs + i][1])
    return starts


def main() -> None:
    whisper, speech, words_json = sys.argv[1:]
    model = WhisperModel(whisper, device="cpu", compute_type="float32", cpu_threads=2, local_files_only=True)
    decoder = Decoder(samprate=16000, lm=None, loglevel="FATAL", beam=1e-80, wbeam=1e-60, pbeam=1e-80)
    rows = []
    for at, written in enumerate(json.loads(Path(words_json).read_text(encoding="utf-8"))):
        words = [plain(word) for word in written]
        samples = resample_to_16k(np.fromfile(Path(speech) / f"{at:03}.f32", dtype="<f4"))
        rows.append(
            {
                "pocketsphinx": by_pocketsphinx(decoder, samples, words),
                "whisper": by_whisper(model, samples, words),
            }
        )
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()
