"""The student voice's vocoder as hibari-tts has it: spectra of random numbers beside their sound.

Run with hibari-tts, numpy and torch. Writes `student-<n>/{case.json,sound.f32}` into `--out`; the committed ones have
seed 0. Inputs are drawn by both sides (`reference.uniform`); the sound is little-endian f32 at 24 kHz.
"""

import json

import numpy as np
from hibari import dsp

from reference import arguments, uniform

BINS = dsp.N_FFT // 2 + 1


class Drawn:
    """In place of the generator: numbers of ours, frame by frame."""

    def __init__(self, numbers: np.ndarray, frames: int):
        self.numbers = numbers.reshape(frames, BINS, 2)

    def standard_normal(self, shape, dtype):
        assert shape == (BINS, 2 * self.numbers.shape[0])
        return np.ascontiguousarray(self.numbers.transpose(1, 0, 2)).reshape(shape).astype(dtype)


def main():
    args = arguments(__doc__)
    for n, frames in enumerate([4 + args.seed % 3, 9 + args.seed % 5]):
        seed = args.seed + n

        def drawn(name, scale, offset):
            numbers = uniform(name, seed, BINS * frames) * np.float32(scale) + np.float32(offset)
            return numbers.reshape(BINS, frames)

        pitch = np.maximum(uniform("f0", seed, frames) * np.float32(120) + np.float32(80), 0).astype(np.float32)
        noise = Drawn(uniform("noise", seed, 2 * BINS * frames), frames)
        sound = dsp.synth(
            drawn("lh", 4, 0), drawn("theta", 2, 0), drawn("ln", 1, -1), drawn("lr", 1, -2), drawn("phi", 3, 0), pitch, noise
        )
        folder = args.out / f"student-{n}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "case.json").write_text(json.dumps({"seed": seed, "frames": frames}) + "\n")
        sound.astype("<f4").tofile(folder / "sound.f32")
        print(folder, frames, float(np.abs(sound).max()))


if __name__ == "__main__":
    main()
