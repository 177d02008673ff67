"""SDXL's UNet and autoencoder, and Real-ESRGAN x4plus, at their true size in PyTorch, for `reelsmith-benches networks`.

`prepare DIR` writes them with random weights, those of SDXL in diffusers' layout. `run DIR THREADS` answers a line on standard input,
`<network> <latent height> <latent width> <batch>`, with a line of JSON: wall and CPU seconds of one run.
"""

import json
import pathlib
import resource
import sys
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from spandrel.architectures.ESRGAN import ESRGAN

# The configurations of stabilityai/stable-diffusion-xl-base-1.0.
UNET = dict(
    sample_size=128, in_channels=4, out_channels=4, block_out_channels=(320, 640, 1280), layers_per_block=2,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    attention_head_dim=(5, 10, 20), use_linear_projection=True, addition_embed_type="text_time",
    addition_time_embed_dim=256, transformer_layers_per_block=(1, 2, 10),
    projection_class_embeddings_input_dim=2816, cross_attention_dim=2048, norm_num_groups=32)
VAE = dict(
    in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(128, 256, 512, 512), layers_per_block=2,
    norm_num_groups=32, scaling_factor=0.13025, sample_size=1024,
    down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)


def prepare(folder: pathlib.Path):
    torch.manual_seed(0)
    for name, made in [("unet", lambda: UNet2DConditionModel(**UNET)), ("vae", lambda: AutoencoderKL(**VAE))]:
        if not (folder / name / "config.json").exists():
            made().save_pretrained(folder / name, max_shard_size="20GB")
    if not (folder / "rrdb.safetensors").exists():
        save_file(rrdb().state_dict(), folder / "rrdb.safetensors")


def rrdb():
    return ESRGAN(in_nc=3, out_nc=3, num_filters=64, num_blocks=23, scale=4)


def opened(folder: pathlib.Path, name: str):
    if name == "rrdb":
        network = rrdb()
        network.load_state_dict(load_file(folder / "rrdb.safetensors"))
        # The faster of its two layouts.
        return network.eval().to(memory_format=torch.channels_last)
    kind = UNet2DConditionModel if name == "unet" else AutoencoderKL
    return kind.from_pretrained(folder / name, torch_dtype=torch.float32).eval()


def seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run(folder: pathlib.Path, threads: int):
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    networks = {}
    for line in sys.stdin:
        name, height, width, batch = line.split()
        height, width, batch = int(height), int(width), int(batch)
        if name not in networks:
            networks.clear()
            networks[name] = opened(folder, name)
        network = networks[name]
        sample = torch.randn(batch, 4, height, width)
        picture = torch.rand(batch, 3, height, width).to(memory_format=torch.channels_last)
        text = torch.randn(batch, 77, 2048)
        added = {"text_embeds": torch.randn(batch, 1280), "time_ids": torch.full((batch, 6), 512.0)}
        cpu, wall = seconds(), time.perf_counter()
        if name == "unet":
            network(sample, torch.tensor(500.0), text, added_cond_kwargs=added)
        elif name == "rrdb":
            network(picture)
        else:
            network.decode(sample)
        print(json.dumps(dict(cpu=seconds() - cpu, wall=time.perf_counter() - wall)), flush=True)


if __name__ == "__main__":
    what, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    prepare(folder) if what == "prepare" else run(folder, int(sys.argv[3]))
