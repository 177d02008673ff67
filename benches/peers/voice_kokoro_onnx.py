"""The `kokoro-onnx` package as a contender of `reelsmith-benches voice`.

usage: voice_kokoro_onnx.py MODEL VOICES_DIR VOICE THREADS

Reads one JSON string of phonemes a line from standard input, speaks it, and answers one line of JSON:
{"cpu": seconds, "wall": seconds, "audio": seconds}. Phonemes are given, so that the package's own way from text
to phonemes (espeak) costs it nothing.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from kokoro_onnx import Kokoro


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    model, voices, voice, threads = sys.argv[1:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    with tempfile.TemporaryDirectory() as scratch:
        packed = Path(scratch) / "voices.npz"
        styles = {p.stem: np.fromfile(p, "<f4").reshape(-1, 1, 256) for p in Path(voices).glob("*.bin")}
        np.savez(packed, **styles)
        kokoro = Kokoro.from_session(session, str(packed))
    for line in sys.stdin:
        cpu, wall = cpu_seconds(), time.perf_counter()
        samples, rate = kokoro.create(json.loads(line), voice=voice, is_phonemes=True)
        cost = {"cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall, "audio": len(samples) / rate}
        print(json.dumps(cost), flush=True)


if __name__ == "__main__":
    main()
