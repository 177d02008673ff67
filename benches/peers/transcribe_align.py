"""When each word of a known text is said, by a forced aligner that is not Whisper: PocketSphinx (hidden Markov models,
frames of 10 ms).

usage: transcribe_align.py SOUNDS_DIR

Reads {"name": "text" …} from standard input; SOUNDS_DIR holds name.f32 (mono, 16 kHz, little-endian). Prints JSON:
{"name": [[word, start] …] …}. Words that its dictionary lacks are told on standard error, and make it fail.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
from pocketsphinx import Decoder


def align(decoder: Decoder, samples: np.ndarray, text: str) -> list[list]:
    words = re.findall(r"[a-z']+", text.lower())
    unknown = sorted({word for word in words if decoder.lookup_word(word) is None})
    if unknown:
        sys.exit(f"the dictionary lacks {', '.join(unknown)}")
    pcm = (samples / max(np.abs(samples).max(), 1e-6) * 0.7 * 32767).astype("<i2").tobytes()
    decoder.set_align_text(" ".join(words))
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    found = [s for s in decoder.seg() or [] if not s.word.startswith(("<", "[", "("))]
    if [re.sub(r"\(\d+\)$", "", s.word) for s in found] != words:
        sys.exit("the aligner found no path through the text")
    return [[word, s.start_frame / 100] for word, s in zip(words, found)]


def main() -> None:
    folder = Path(sys.argv[1])
    decoder = Decoder(samprate=16000, lm=None, loglevel="FATAL", beam=1e-80, wbeam=1e-60, pbeam=1e-80)
    texts = json.load(sys.stdin)
    found = {name: align(decoder, np.fromfile(folder / f"{name}.f32", "<f4"), text) for name, text in texts.items()}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
