"""Edges as OpenCV finds them: photograph-like pictures beside their edges.

Run with opencv-python-headless and numpy. Writes `canny-<n>/{picture,edges}.png` into `--out`; the committed ones
have seed 0. Thresholds are those of the ControlNet annotator.
"""

import argparse
import pathlib

import cv2
import numpy as np


def picture(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Discs, bars and a slope of light under a little blur and noise: edges of every direction and strength."""
    image = np.zeros((height, width, 3), np.float32)
    image += np.linspace(40, 200, width, dtype=np.float32)[None, :, None] * rng.uniform(0.3, 1.0, 3).astype(np.float32)
    for _ in range(6):
        centre = tuple(int(v) for v in (rng.integers(0, width), rng.integers(0, height)))
        cv2.circle(image, centre, int(rng.integers(4, 20)), rng.uniform(0, 255, 3).tolist(), -1)
        ends = rng.integers(0, [width, height], (2, 2)).tolist()
        cv2.line(image, ends[0], ends[1], rng.uniform(0, 255, 3).tolist(), int(rng.integers(1, 5)))
    image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.2)))
    image += rng.normal(0, 4, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "golden")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    for n in range(4):
        width, height = (int(v) for v in rng.integers(40, 120, 2))
        image = picture(rng, width, height)
        folder = args.out / f"canny-{n}"
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "picture.png"), image)
        # As the annotator calls it: red first, which decides where two channels are equally steep.
        edges = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), 100, 200)
        cv2.imwrite(str(folder / "edges.png"), edges)
        print(folder, width, height)


if __name__ == "__main__":
    main()
