"""Real-ESRGAN's two networks, small, against spandrel, which reads checkpoints under all the names in use.

Each case is a checkpoint of random weights; what spandrel makes of a random picture is recorded as numbers, and of an
8-bit picture of odd size as the 8-bit picture that comes out.
"""

import numpy as np
import torch
from spandrel import ModelLoader

from reference import arguments, filled, uniform, write_case

# How the three forms of RRDBNet call their layers.
NAMES = {
    "basicsr": dict(first="conv_first", dense="body.{}.rdb{}.conv{}", body="conv_body", up="conv_up{}",
                    hr="conv_hr", last="conv_last"),
    "realsr": dict(first="conv_first", dense="RRDB_trunk.{}.RDB{}.conv{}", body="trunk_conv", up="upconv{}",
                   hr="HRconv", last="conv_last"),
}


def old_names(blocks: int, ups: int) -> dict:
    """ESRGAN's first form: places in a sequence."""
    return dict(first="model.0", dense="model.1.sub.{}.RDB{}.conv{}.0", body=f"model.1.sub.{blocks}",
                up=[f"model.{3 * n}" for n in range(1, ups + 1)], hr=f"model.{3 * ups + 2}",
                last=f"model.{3 * ups + 4}")


def rrdb(names: dict, features: int, blocks: int, ups: int, unshuffle: int) -> dict:
    """Name → shape of an RRDBNet; spandrel reads those whose dense blocks grow by 32 only."""
    growth, shapes = 32, {}

    def conv(name, to, channels):
        shapes[f"{name}.weight"] = [to, channels, 3, 3]
        shapes[f"{name}.bias"] = [to]

    conv(names["first"], features, 3 * unshuffle**2)
    for block in range(blocks):
        for dense in (1, 2, 3):
            for n in range(1, 6):
                conv(names["dense"].format(block, dense, n), growth if n < 5 else features,
                     features + growth * (n - 1))
    conv(names["body"], features, features)
    for n in range(ups):
        up = names["up"]
        conv(up[n] if isinstance(up, list) else up.format(n + 1), features, features)
    conv(names["hr"], features, features)
    conv(names["last"], 3, features)
    return shapes


def compact(features: int, convs: int, factor: int) -> dict:
    """Name → shape of an SRVGGNetCompact."""
    shapes, channels = {}, 3
    for n in range(convs + 1):
        shapes[f"body.{2 * n}.weight"] = [features, channels, 3, 3]
        shapes[f"body.{2 * n}.bias"] = [features]
        shapes[f"body.{2 * n + 1}.weight"] = [features]
        channels = features
    last = f"body.{2 * convs + 2}"
    shapes[f"{last}.weight"] = [3 * factor**2, features, 3, 3]
    shapes[f"{last}.bias"] = [3 * factor**2]
    return shapes


def variants(seed: int):
    """Name, shapes, and the prefix of the names in the file."""
    features, blocks = 16 + 8 * (seed % 3), 1 + seed % 2
    yield "x4", rrdb(NAMES["basicsr"], features, blocks, 2, 1), "params_ema."
    yield "x2", rrdb(NAMES["basicsr"], features, blocks, 2, 2), ""
    yield "x1", rrdb(NAMES["basicsr"], features, 2, 2, 4), "params."
    yield "realsr", rrdb(NAMES["realsr"], features, blocks, 2, 1), ""
    yield "old-x4", rrdb(old_names(2, 2), features, 2, 2, 1), ""
    yield "old-x2", rrdb(old_names(2, 1), features, 2, 1, 1), ""
    yield "compact-x4", compact(features, 2 + seed % 3, 4), "params."
    yield "compact-x3", compact(features + 4, 1, 3), ""
    yield "compact-x1", compact(features, 3, 1), ""


def main():
    args = arguments(__doc__)
    for variant, shapes, prefix in variants(args.seed):
        weights = {prefix + name: shape for name, shape in shapes.items()}
        state = {name: filled(prefix + name, shape, args.seed) for name, shape in shapes.items()}
        model = ModelLoader().load_from_state_dict(state)
        height, width = 12, 8 + 4 * (args.seed % 3)
        picture = torch.from_numpy(uniform("picture", args.seed, 3 * height * width).reshape(1, 3, height, width))
        odd_height, odd_width = 13, 9 + 2 * (args.seed % 3)
        pixels = uniform("pixels", args.seed, 3 * odd_height * odd_width).reshape(odd_height, odd_width, 3)
        pixels = np.floor((pixels + 1) * 128).astype(np.uint8)
        tensor = torch.from_numpy(pixels.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(255))
        made = model.model(tensor)[0].clamp(0, 1).numpy().transpose(1, 2, 0)
        case = dict(family="rrdb", seed=args.seed, weights=weights, factor=model.scale)
        write_case(args.out / f"rrdb-{variant}", case, {
            "picture": picture,
            "enlarged": model.model(picture),
            "pixels": pixels,
            "enlarged_pixels": np.floor(made * 255 + 0.5).astype(np.uint8),
        })


if __name__ == "__main__":
    main()
