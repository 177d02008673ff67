"""Pictures by diffusers' SDXL pipelines, in f32 on the CPU, of small models with random weights.

A case has the request as `inference/core/src/image.rs` names it, the model by its own directory (`sdxl-<seed>`), and
of the pictures every `stride`-th row and column in bytes: (count, rows, columns, 3). Start pictures, masks and maps are noise from `reference.uniform`.

Needs OpenAI's vocabulary, as `tokens.py` does.
"""

import argparse
import logging
import pathlib
import warnings

import diffusers
import numpy as np
import torch
from diffusers import MultiControlNetModel
from PIL import Image

import image_requests
from loras import Files
from models import BEGIN, END, Small, tokenizers
from reference import uniform, write_case
from samplers import SAMPLERS
from tokens import fetched

PREFIX = "StableDiffusionXL"
# Kinds of pipelines: by whether there are ControlNets, a picture, a mask.
KINDS = {
    (False, False, False): "Pipeline",
    (False, True, False): "Img2ImgPipeline",
    (False, True, True): "InpaintPipeline",
    (True, False, False): "ControlNetPipeline",
    (True, True, False): "ControlNetImg2ImgPipeline",
    (True, True, True): "ControlNetInpaintPipeline",
}


def picture(name: str, request: dict, channels: int) -> Image.Image:
    """Noise of the request's size: grey, or RGB."""
    height, width = request["height"], request["width"]
    numbers = uniform(name, request["seed"], height * width * channels).reshape(height, width, channels)
    pixels = np.floor((numbers + 1) * 128).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


class Workshop:
    """A model, its LoRAs, and pipelines made of them."""

    def __init__(self, seed: int, merges_file):
        self.models = {channels: Small(seed, channels) for channels in (4, 9)}
        self.tokenizers = tokenizers(merges_file)
        self.loras = Files(self.models[4], seed)
        self.seed = seed

    def pipeline(self, case: dict):
        request, model = case["request"], self.models[case["unet_channels"]]
        controls, start = request["controls"], request["start"]
        name = KINDS[bool(controls), start is not None, bool(start and start["mask"])]
        kind, extra = SAMPLERS[request["sampler"]]
        parts = dict(vae=model.vae, text_encoder=model.text, text_encoder_2=model.text_2, unet=model.unet,
                     tokenizer=self.tokenizers[0], tokenizer_2=self.tokenizers[1], add_watermarker=False,
                     force_zeros_for_empty_prompt=case["zeros_for_empty"],
                     scheduler=getattr(diffusers, kind).from_config(case["schedule"], **extra))
        if controls:
            nets = [model.controlnet(control["model"]) for control in controls]
            parts["controlnet"] = nets[0] if len(nets) == 1 else MultiControlNetModel(nets)
        pipeline = getattr(diffusers, PREFIX + name)(**parts)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def run(self, case: dict) -> np.ndarray:
        request = case["request"]
        pipeline = self.pipeline(case)
        if request["loras"]:
            self.loras.apply(pipeline, request["loras"])
        count, start, controls = request["count"], request["start"], request["controls"]
        given = dict(
            num_inference_steps=request["steps"], guidance_scale=request["guidance_scale"], output_type="np",
            generator=[torch.Generator().manual_seed(request["seed"] + n) for n in range(count)],
            num_images_per_prompt=count, height=request["height"], width=request["width"])
        given |= self.spoken(pipeline, case)
        if start:
            given |= dict(image=picture("start", request, 3), strength=start["strength"])
            if start["mask"]:
                given["mask_image"] = picture("mask", request, 1)
            if PREFIX + KINDS[bool(controls), True, False] == type(pipeline).__name__:
                del given["height"], given["width"]
        if controls:
            maps = [picture(f"map.{control['model']}", request, 3) for control in controls]
            single = (lambda values: values[0]) if len(controls) == 1 else list
            given |= dict(controlnet_conditioning_scale=single([control["weight"] for control in controls]),
                          control_guidance_start=single([control["start"] for control in controls]),
                          control_guidance_end=single([control["end"] for control in controls]))
            given["control_image" if start else "image"] = single(maps)
        if request["noise"] == "f16":
            shape = (1, 4, request["height"] // 8, request["width"] // 8)
            draws = [torch.randn(shape, generator=generator, dtype=torch.float16) for generator in given["generator"]]
            given["latents"] = torch.cat(draws).float()
        pictures = pipeline(**given).images
        if request["loras"]:
            pipeline.unload_lora_weights()
        return pictures

    def spoken(self, pipeline, case: dict) -> dict:
        request = case["request"]
        if "parts" not in case:
            # The contract's empty negative prompt is diffusers' absent one.
            negative = request["negative_prompt"] or None
            skip = request["clip_skip"] or None
            return dict(prompt=request["prompt"], negative_prompt=negative, clip_skip=skip)
        chunks = [self.chunks(parts) for parts in (case["parts"], case["negative_parts"])]
        most = max(len(side) for side in chunks)
        made = [self.weighed(pipeline, side + [[]] * (most - len(side))) for side in chunks]
        names = ("prompt_embeds", "pooled_prompt_embeds")
        return {prefix + name: value for prefix, pair in zip(("", "negative_"), made) for name, value in zip(names, pair)}

    def chunks(self, parts: list) -> list:
        """Chunks of at most 75 (token, weight), where every token of the prompt is a word of its own."""
        pairs = [(token, weight) for text, weight in parts
                 for token in self.tokenizers[0](text, add_special_tokens=False).input_ids]
        return [pairs[n:n + 75] for n in range(0, len(pairs), 75)]

    def weighed(self, pipeline, chunks: list) -> tuple:
        """What both encoders give for the chunks, each token as far from the empty prompt's as its weight says."""
        sides, pooled = [], None
        for tokenizer, encoder in zip(self.tokenizers, (pipeline.text_encoder, pipeline.text_encoder_2)):
            rows = [[BEGIN, *(token for token, _ in chunk), END] for chunk in [*chunks, []]]
            rows = [row + [tokenizer.pad_token_id] * (77 - len(row)) for row in rows]
            made = encoder(torch.tensor(rows), output_hidden_states=True)
            hidden, empty = made.hidden_states[-2][:-1], made.hidden_states[-2][-1:]
            weights = torch.ones(len(chunks), 77, 1)
            for n, chunk in enumerate(chunks):
                weights[n, 1:len(chunk) + 1, 0] = torch.tensor([weight for _, weight in chunk])
            sides.append((empty + (hidden - empty) * weights).reshape(1, -1, hidden.shape[-1]))
            pooled = made[0][:1]
        return torch.cat(sides, dim=-1), pooled


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "golden")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--merges", type=pathlib.Path, help="bpe_simple_vocab_16e6.txt.gz")
    parser.add_argument("--only", help="the case of this name")
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    diffusers.utils.logging.set_verbosity_error()
    workshop = Workshop(args.seed, args.merges or fetched())
    for name, case in image_requests.cases(args.seed).items():
        if args.only in (None, name):
            pictures = workshop.run(case)
            pixels = np.round(pictures * 255).astype(np.uint8)
            cut = float(np.mean((pixels == 0) | (pixels == 255)))
            print(name, f"contrast {pixels.std():.0f}, cut {cut:.2f}", end=" ")
            assert pixels.std() > 20 and cut < 0.2, "such a picture proves little"
            # The committed ones are to be small.
            stride = 2 if args.seed == 0 else 1
            case |= dict(script="pipelines.py", seed=args.seed, model=f"sdxl-{args.seed}", stride=stride)
            write_case(args.out / f"pipeline-{name}", case, {"pictures": pixels[:, ::stride, ::stride]})
    if not args.only:
        model = workshop.models[4]
        model.controlnet("shape")
        case = dict(script="pipelines.py", seed=args.seed, loras=workshop.loras.described, **model.described())
        write_case(args.out / f"sdxl-{args.seed}", case, {})


if __name__ == "__main__":
    main()
