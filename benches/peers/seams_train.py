"""Trains a small autoencoder of SDXL's structure on photographs, for `reelsmith-benches seams`.

    seams_train.py PHOTOGRAPHS OUT [--minutes 10] [--threads 1] [--seed 0]

SDXL's weights are in no package registry, and an autoencoder with random weights shows nothing of how tiles of a
picture differ. So this one has every part of SDXL's (group normalisation, attention in the middle, latents of an eighth
with four channels), fewer channels, and is trained until its pictures are recognisable. OUT is in diffusers' layout,
with `trained.json`: steps and PSNR on the photographs that it has not seen, which the benchmark then decodes. Where OUT holds one, it is trained on.
"""

import argparse
import json
import pathlib
import time

import numpy
import skimage
import torch
from diffusers import AutoencoderKL
from PIL import Image

VAE = dict(
    in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(16, 32, 64, 64), layers_per_block=1,
    norm_num_groups=8, scaling_factor=1.0, sample_size=128, force_upcast=True,
    down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
# Kept for the benchmark: plain sky over fine grass, plain clouds, a blurred background.
UNSEEN = ["Dune.jpg", "Storm.jpg", "TwoWings.jpg"]
# Bundled with scikit-image.
MORE = ["astronaut", "coffee", "chelsea", "rocket", "stereo_motorcycle"]


def numbers(picture: Image.Image) -> torch.Tensor:
    array = numpy.asarray(picture.convert("RGB"), dtype=numpy.float32)
    return torch.from_numpy(array.copy()).permute(2, 0, 1) / 127.5 - 1


def photographs(folder: pathlib.Path):
    """Each at several sizes, so that both fine texture and plain areas are seen."""
    found = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.jpg")) if path.name not in UNSEEN]
    for name in MORE:
        made = getattr(skimage.data, name)()
        found.append(Image.fromarray(made[0] if isinstance(made, tuple) else made))
    sized = []
    for picture in found:
        for height in (320, 640, 1200):
            if height <= picture.height * 1.1:
                sized.append(numbers(picture.resize((picture.width * height // picture.height, height))))
    return sized


def crops(pictures, side, count, random):
    def one():
        picture = pictures[random.integers(len(pictures))]
        y, x = (random.integers(extent - side + 1) for extent in picture.shape[1:])
        crop = picture[:, y:y + side, x:x + side]
        return crop.flip(2) if random.integers(2) else crop
    return torch.stack([one() for _ in range(count)])


def train(vae, pictures, minutes, random):
    optimiser = torch.optim.AdamW(vae.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=1e-4)
    start, step = time.time(), 0
    while (part := (time.time() - start) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 50) * (1 - part) + 1e-5
        # Larger pictures towards the end: what a picture as a whole does to its parts is learned from those.
        side, count = (64, 3) if part < 0.8 else (160, 1)
        wanted = crops(pictures, side, count, random)
        # Without sampling: its noise, as large as the latents at first, would cost most of the minutes to learn away.
        latents = vae.encode(wanted).latent_dist.mode()
        made = vae.decode(latents).sample
        loss = (made - wanted).abs().mean() + 1e-4 * latents.square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        if step % 50 == 0:
            print(f"{time.time() - start:.0f} s, step {step}: loss {loss.item():.4f}", flush=True)
        step += 1
    return step


@torch.no_grad()
def psnr(vae, picture):
    made = vae.decode(vae.encode(picture[None]).latent_dist.mode()).sample[0].clamp(-1, 1)
    return (10 * torch.log10(4 / (made - picture).square().mean())).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    going_on = arguments.out.joinpath("config.json").exists()
    vae = AutoencoderKL.from_pretrained(arguments.out).train() if going_on else AutoencoderKL(**VAE)
    steps = train(vae, photographs(arguments.photographs), arguments.minutes, numpy.random.default_rng([arguments.seed, going_on]))
    vae.eval()
    quality = {}
    for name in UNSEEN:
        picture = Image.open(arguments.photographs / name).convert("RGB").resize((768, 512))
        quality[name] = round(psnr(vae, numbers(picture)), 2)
    vae.save_pretrained(arguments.out)
    record = arguments.out / "trained.json"
    before = json.loads(record.read_text())["steps"] if going_on else 0
    told = dict(steps=before + steps, psnr=quality)
    record.write_text(json.dumps(told, indent=2) + "\n")
    print(told)


if __name__ == "__main__":
    main()
