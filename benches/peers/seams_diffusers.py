"""What diffusers makes of photographs, whole and by its own `enable_tiling`, for `reelsmith-benches seams`.

    seams_diffusers.py VAE PHOTOGRAPHS OUT --tiles 128,64 [--width 1536] [--height 1024] [--threads 2]

For each photograph that the autoencoder has not seen, OUT/<name>/ gets arrays of little-endian f32: `picture`
(3, H, W), `moments` (8, h, w) and `whole` (3, H, W); and for each side of tiles, `moments-<side>` and `tiled-<side>`.
OUT/photographs.json names them.
"""

import argparse
import json
import pathlib

import torch
from diffusers import AutoencoderKL
from PIL import Image

from seams_train import UNSEEN, numbers


def filling(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Scaled to fill width x height, the middle of it."""
    scale = max(width / picture.width, height / picture.height)
    scaled = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.LANCZOS)
    left, top = (scaled.width - width) // 2, (scaled.height - height) // 2
    return scaled.crop((left, top, left + width, top + height))


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("vae", "photographs", "out"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--tiles", required=True)
    for name, value in (("width", 1536), ("height", 1024), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    vae = AutoencoderKL.from_pretrained(arguments.vae).eval()
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    for name in UNSEEN:
        folder = arguments.out / pathlib.Path(name).stem
        folder.mkdir(parents=True, exist_ok=True)

        def write(what, tensor):
            tensor[0].numpy().astype("<f4").tofile(folder / f"{what}.f32")

        photograph = Image.open(arguments.photographs / name).convert("RGB")
        picture = numbers(filling(photograph, arguments.width, arguments.height))[None]
        vae.disable_tiling()
        latents = vae.encode(picture).latent_dist
        write("picture", picture)
        write("moments", latents.parameters)
        write("whole", vae.decode(latents.mode()).sample)
        for side in map(int, arguments.tiles.split(",")):
            vae.enable_tiling()
            vae.tile_latent_min_size, vae.tile_sample_min_size = side, side * factor
            write(f"moments-{side}", vae.encode(picture).latent_dist.parameters)
            write(f"tiled-{side}", vae.decode(latents.mode()).sample)
    names = [pathlib.Path(name).stem for name in UNSEEN]
    told = dict(photographs=names, width=arguments.width, height=arguments.height, factor=factor)
    (arguments.out / "photographs.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
