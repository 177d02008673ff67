"""SDXL, its ControlNet, its autoencoder and Real-ESRGAN in PyTorch, the peer of `reelsmith-benches images-gpu`.

    images_diffusers.py prepare DIR [--tiny]
    images_diffusers.py run DIR --device cuda [--memory-gb 16] [--compile max-autotune] [--precision f16]

`prepare` writes a checkpoint with random weights in diffusers' layout, `controlnet/` and `upscaler.safetensors`; what
is there stays, so that real weights can be put in their places. `run` answers each line of JSON on standard input with
one:

- {"what": "check", "folder": F}: writes inputs and outputs of every network to F as little-endian f32
- {"what": "image", "side", "steps", "guidance", "steered"}: text to picture, text encoders included
- {"what": "decode", "side"}, {"what": "upscale", "side"}: a picture of side x side pixels made; given
"""

import argparse
import json
import pathlib
import sys
import time

import torch
from diffusers import (AutoencoderKL, ControlNetModel, EulerDiscreteScheduler, StableDiffusionXLControlNetPipeline,
                       StableDiffusionXLPipeline, UNet2DConditionModel)
from safetensors.torch import save_file
from spandrel import ModelLoader
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from networks_torch import UNET, VAE

TINY_UNET = UNET | dict(
    sample_size=16, block_out_channels=(32, 64, 64), attention_head_dim=(1, 2, 2), addition_time_embed_dim=8,
    transformer_layers_per_block=1, projection_class_embeddings_input_dim=80, cross_attention_dim=64)
TINY_VAE = VAE | dict(block_out_channels=(32, 32, 32, 32), layers_per_block=1, sample_size=128)
# `force_upcast` false: the fp16 form of the autoencoder, in which both compute.
HALF = dict(force_upcast=False)
# openai/clip-vit-large-patch14 and laion/CLIP-ViT-bigG-14, as SDXL's checkpoints describe them.
TEXT = [dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
             hidden_act="quick_gelu", projection_dim=768),
        dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
             hidden_act="gelu", projection_dim=1280)]
TINY_TEXT = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, projection_dim=32)
SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
                timestep_spacing="leading")
BEGIN, END = 49406, 49407


def text_encoder(n: int, tiny: bool):
    kind = (CLIPTextModel, CLIPTextModelWithProjection)[n]
    shape = TEXT[n] | (TINY_TEXT if tiny else {})
    return kind(CLIPTextConfig(bos_token_id=BEGIN, eos_token_id=END, **shape))


def rrdb(blocks: int) -> dict:
    """Real-ESRGAN x4plus, by the names and shapes of `basicsr/archs/rrdbnet_arch.py`."""
    tensors = {}

    def conv(name, to, channels):
        tensors[f"{name}.weight"] = torch.randn(to, channels, 3, 3) * (0.3 / (9 * channels) ** 0.5)
        tensors[f"{name}.bias"] = torch.zeros(to)

    conv("conv_first", 64, 3)
    for block in range(blocks):
        for dense in range(1, 4):
            for n in range(1, 6):
                conv(f"body.{block}.rdb{dense}.conv{n}", 32 if n < 5 else 64, 64 + 32 * (n - 1))
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
        conv(name, 64, 64)
    conv("conv_last", 3, 64)
    return tensors


def prepare(folder: pathlib.Path, tiny: bool):
    torch.manual_seed(0)
    unet = {}

    def make_unet():
        unet["made"] = UNet2DConditionModel(**(TINY_UNET if tiny else UNET))
        return unet["made"]

    def make_control():
        base = unet.get("made") or UNet2DConditionModel.from_pretrained(folder / "unet")
        net = ControlNetModel.from_unet(base.float())
        # New ones end in zeros, which steer nothing.
        for name, tensor in net.named_parameters():
            if "controlnet_" in name:
                torch.nn.init.normal_(tensor, std=0.02)
        return net

    makers = {
        "unet": make_unet, "controlnet": make_control,
        "vae": lambda: AutoencoderKL(**((TINY_VAE if tiny else VAE) | HALF)),
        "text_encoder": lambda: text_encoder(0, tiny), "text_encoder_2": lambda: text_encoder(1, tiny)}
    for name, make in makers.items():
        if not (folder / name / "config.json").exists():
            make().half().save_pretrained(folder / name, max_shard_size="20GB")
    if not (folder / "scheduler").exists():
        EulerDiscreteScheduler(**SCHEDULE).save_pretrained(folder / "scheduler")
        told = dict(_class_name="StableDiffusionXLPipeline", force_zeros_for_empty_prompt=True)
        (folder / "model_index.json").write_text(json.dumps(told))
    if not (folder / "upscaler.safetensors").exists():
        save_file(rrdb(1 if tiny else 23), folder / "upscaler.safetensors")


class Peer:
    """The networks, loaded when first needed."""

    def __init__(self, arguments):
        self.folder, self.device, self.compiles = arguments.dir, arguments.device, arguments.compile
        self.dtype = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}[arguments.precision]
        self.pipelines = {}

    def load(self, kind, name):
        return kind.from_pretrained(self.folder / name, torch_dtype=self.dtype).to(self.device).eval()

    def compiled(self, network):
        if self.compiles == "no":
            return network
        return torch.compile(network.to(memory_format=torch.channels_last), mode=self.compiles)

    def pipeline(self, steered: bool):
        if steered not in self.pipelines:
            self.pipelines.clear()
            parts = dict(
                vae=self.load(AutoencoderKL, "vae"), text_encoder=self.load(CLIPTextModel, "text_encoder"),
                text_encoder_2=self.load(CLIPTextModelWithProjection, "text_encoder_2"),
                unet=self.load(UNet2DConditionModel, "unet"), tokenizer=None, tokenizer_2=None,
                scheduler=EulerDiscreteScheduler.from_pretrained(self.folder / "scheduler"), add_watermarker=False)
            kind = StableDiffusionXLPipeline
            if steered:
                kind, parts["controlnet"] = StableDiffusionXLControlNetPipeline, self.load(ControlNetModel, "controlnet")
            made = kind(**parts)
            made.set_progress_bar_config(disable=True)
            made.unet = self.compiled(made.unet)
            made.vae.decoder = self.compiled(made.vae.decoder)
            if steered:
                made.controlnet = self.compiled(made.controlnet)
            self.pipelines[steered] = made
        return self.pipelines[steered]

    def spoken(self, pipeline, words: int):
        """Tokens and pooled text of a prompt of so many words."""
        ids = torch.full((1, 77), END, device=self.device)
        ids[0, 0], ids[0, 1:words + 1] = BEGIN, torch.arange(320, 320 + words, device=self.device)
        first = pipeline.text_encoder(ids, output_hidden_states=True)
        second = pipeline.text_encoder_2(ids, output_hidden_states=True)
        return torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1), second.text_embeds

    def image(self, side, steps, guidance, steered):
        pipeline = self.pipeline(steered)
        tokens, pooled = self.spoken(pipeline, 12)
        given = dict(prompt_embeds=tokens, pooled_prompt_embeds=pooled)
        if guidance > 1:
            away, away_pooled = self.spoken(pipeline, 3)
            given |= dict(negative_prompt_embeds=away, negative_pooled_prompt_embeds=away_pooled)
        if steered:
            given["image"] = torch.linspace(0, 1, 3 * side * side).reshape(1, 3, side, side)
        pipeline(num_inference_steps=steps, guidance_scale=guidance, height=side, width=side,
                 generator=torch.Generator().manual_seed(1), output_type="pil", **given)

    def decode(self, side):
        vae = self.pipeline(False).vae
        latents = torch.randn(1, 4, side // 8, side // 8).to(self.device, self.dtype)
        return vae.decode(latents).sample.float().cpu()

    def upscale(self, side):
        """As four quarters, or one piece where it is small: without the overlap that whole pictures need."""
        if "upscaler" not in self.pipelines:
            self.pipelines.clear()
            network = ModelLoader().load_from_file(self.folder / "upscaler.safetensors").model
            network = network.to(self.device, self.dtype).eval()
            self.pipelines["upscaler"] = self.compiled(network)
        part = side // 2 if side > 512 else side
        picture = torch.rand(1, 3, side, side).to(self.device, self.dtype)
        for y in range(0, side, part):
            for x in range(0, side, part):
                self.pipelines["upscaler"](picture[..., y:y + part, x:x + part]).float().cpu()

    def check(self, folder: str):
        """Inputs and outputs of each network, by the names of our graphs' inputs and outputs."""
        torch.manual_seed(7)
        pipeline, folder, shapes = self.pipeline(False), pathlib.Path(folder), {}

        def write(name, tensor):
            tensor = tensor.float().cpu().contiguous()
            shapes[name] = list(tensor.shape)
            tensor.numpy().astype("<f4").tofile(folder / f"{name}.f32")

        def drawn(name, *shape):
            tensor = torch.randn(*shape).to(self.device, self.dtype)
            write(name, tensor)
            return tensor

        unet = pipeline.unet
        config, step = unet.config, torch.tensor([500.0, 500.0], device=self.device)
        side = config.sample_size
        sample = drawn("sample", 2, 4, side, side)
        text = drawn("text", 2, 77, config.cross_attention_dim)
        pooled = drawn("pooled_in", 2, config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim)
        sizes = torch.full((2, 6), 8.0 * side, device=self.device, dtype=self.dtype)
        features = unet.add_time_proj(sizes.flatten()).reshape(2, -1).to(self.dtype)
        write("time", unet.time_proj(step))
        write("added", torch.cat([pooled, features], -1))
        added = {"text_embeds": pooled, "time_ids": sizes}
        write("noise", unet(sample, step, text, added_cond_kwargs=added).sample)
        write("picture", pipeline.vae.decode(drawn("latents", 1, 4, side, side)).sample)
        ids = torch.full((1, 77), END, device=self.device)
        ids[0, 0], ids[0, 1:13] = BEGIN, torch.arange(320, 332, device=self.device)
        write("ids", ids)
        for n, encoder in enumerate((pipeline.text_encoder, pipeline.text_encoder_2)):
            made = encoder(ids, output_hidden_states=True)
            write(f"tokens-{n}", made.hidden_states[-2])
            if n == 1:
                write("pooled", made.text_embeds)
        (folder / "shapes.json").write_text(json.dumps(shapes))

    def answer(self, what: str, **given):
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        getattr(self, what)(**given)
        if self.device == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        memory = torch.cuda.max_memory_reserved() if self.device == "cuda" else 0
        return dict(seconds=seconds, memory=memory)


@torch.inference_mode()
def run(arguments):
    if arguments.device == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, arguments.memory_gb * 1e9 / total))
    else:
        torch.set_num_threads(arguments.threads)
    peer = Peer(arguments)
    for line in sys.stdin:
        print(json.dumps(peer.answer(**json.loads(line))), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["prepare", "run"])
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--precision", choices=["f16", "bf16", "f32"], default="f16")
    parser.add_argument("--memory-gb", type=float, default=16)
    parser.add_argument("--compile", default="max-autotune", help="a mode of torch.compile, or `no`")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    prepare(arguments.dir, arguments.tiny) if arguments.what == "prepare" else run(arguments)


if __name__ == "__main__":
    main()
