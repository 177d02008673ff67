"""Reads speech back with Whisper, an independent recogniser, and prints JSON: {"text": ..., "words": [[word, start, end], ...]}.

usage: readback.py MODEL_DIR MEDIA_FILE

MODEL_DIR holds Whisper base in CTranslate2's layout (`reelsmith models pull whisper-base-ct2`).
"""

import json
import sys

from faster_whisper import WhisperModel


def main() -> None:
    model_dir, media = sys.argv[1:]
    model = WhisperModel(model_dir, device="cpu", compute_type="int8", cpu_threads=2, local_files_only=True)
    segments, _ = model.transcribe(media, language="en", beam_size=5, word_timestamps=True)
    words = [[word.word.strip(), word.start, word.end] for segment in segments for word in segment.words]
    json.dump({"text": " ".join(word for word, _, _ in words), "words": words}, sys.stdout)


if __name__ == "__main__":
    main()
