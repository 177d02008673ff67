"""Real-ESRGAN with its published weights: what the `ncnn` package makes of photographs on a CPU in f32, and what a
photograph was before it was made small, blurred, noisy and compressed.

The photographs come with scikit-image: `astronaut` is NASA's and in the public domain, `coffee` is CC0 by Rachel
Michetti. The weights are those that `make setup-test` fetches.
"""

import io
import os
import pathlib

import ncnn
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from reference import arguments, uniform, write_case

MODELS = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "reelsmith/models"

# Side of the part that is enlarged: the large network takes seconds.
SIDES = {
    "realesrgan-x4plus": 48,
    "realesrgan-x4plus-anime": 24,
    "realesr-animevideov3-x2": 40,
    "realesr-animevideov3-x3": 28,
    "realesr-animevideov3-x4": 24,
}


def enlarged(name: str, pixels: np.ndarray) -> np.ndarray:
    """What ncnn makes of (height, width, 3) bytes: the same form, larger."""
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.use_fp16_storage = net.opt.use_fp16_packed = net.opt.use_fp16_arithmetic = False
    net.load_param(str(MODELS / name / f"{name}.param"))
    net.load_model(str(MODELS / name / f"{name}.bin"))
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    extractor = net.create_extractor()
    picture = ncnn.Mat(planes).clone()
    extractor.input("data", picture)
    _, made = extractor.extract("output")
    return np.floor(np.array(made).transpose(1, 2, 0).clip(0, 1) * 255 + 0.5).astype(np.uint8)


def worn(photograph: np.ndarray, seed: int) -> np.ndarray:
    """A quarter of the size, as pictures reach people (Wang et al., 2021, section 3): blurred, noisy, a JPEG."""
    height, width, _ = photograph.shape
    blurred = gaussian_filter(photograph.astype(float), (2, 2, 0)).astype(np.uint8)
    small = np.asarray(Image.fromarray(blurred).resize((width // 4, height // 4), Image.BILINEAR), float)
    noise = uniform("noise", seed, small.size).reshape(small.shape) * 8 * np.sqrt(3)
    noisy = Image.fromarray((small + noise).clip(0, 255).astype(np.uint8))
    file = io.BytesIO()
    noisy.save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file).convert("RGB"))


def main():
    args = arguments(__doc__)
    photographs = [data.astronaut()[0:200, 150:350], data.coffee()[100:300, 200:400]]
    for n, (name, side) in enumerate(SIDES.items()):
        shift = 40 + 13 * (args.seed % 5)
        side += args.seed % 4
        pixels = photographs[(n + args.seed) % 2][shift : shift + side, shift : shift + side - 2]
        case = dict(family="ncnn", seed=args.seed, model=name)
        write_case(args.out / f"ncnn-{name}", case,
                   {"pixels": np.array(pixels), "enlarged": enlarged(name, pixels)})
    first = args.seed % 7
    photograph = data.coffee()[70 + first : 230 + first, 200 + first : 360 + first]
    small = worn(photograph, args.seed)
    bicubic = np.asarray(Image.fromarray(small).resize(photograph.shape[1::-1], Image.BICUBIC))
    case = dict(family="photo", seed=args.seed, model="realesrgan-x4plus")
    write_case(args.out / "photo-worn", case,
               {"photograph": np.array(photograph), "small": np.array(small), "bicubic": np.array(bicubic)})


if __name__ == "__main__":
    main()
