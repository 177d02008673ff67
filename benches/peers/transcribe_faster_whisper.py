"""faster-whisper as a contender of `reelsmith-benches transcribe`.

usage: transcribe_faster_whisper.py MODEL_DIR PRECISION THREADS

Reads {"sound": file of f32 samples at 16 kHz, "beams": n, "batch": n} a line from standard input, transcribes it, and
answers one line of JSON: {"cpu": seconds, "wall": seconds, "text": …, "words": [[word, start] …]}.
"""

import json
import resource
import sys
import time

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    folder, precision, threads = sys.argv[1:]
    model = WhisperModel(folder, device="cpu", compute_type=precision, cpu_threads=int(threads), local_files_only=True)
    batched = BatchedInferencePipeline(model)
    for line in sys.stdin:
        ask = json.loads(line)
        sound = np.fromfile(ask["sound"], "<f4")
        options = dict(language="en", beam_size=ask["beams"], word_timestamps=True, vad_filter=True)
        cpu, wall = cpu_seconds(), time.perf_counter()
        if ask["batch"] > 1:
            segments, _ = batched.transcribe(sound, batch_size=ask["batch"], **options)
        else:
            segments, _ = model.transcribe(sound, **options)
        # The work is done as they are asked for.
        segments = list(segments)
        heard = {
            "cpu": cpu_seconds() - cpu,
            "wall": time.perf_counter() - wall,
            "text": "".join(segment.text for segment in segments),
            "words": [[word.word, float(word.start)] for segment in segments for word in segment.words],
        }
        print(json.dumps(heard), flush=True)


if __name__ == "__main__":
    main()
