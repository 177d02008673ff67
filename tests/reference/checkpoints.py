"""A small model that can be published in both layouts: diffusers' folders, and one file with the original names.

One file does not tell heads and groups, so they are SDXL's: heads of 64, 32 groups. Recorded is what each network
answers, with its weights in f32 and rounded to f16 and bf16, and with a LoRA; and how the tensors of the one file
are made of those of the folders. Diffusers' own converter turns the file back, to the same bits.
"""


import diffusers
import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint, convert_open_clip_checkpoint)
from transformers import CLIPTextModel, CLIPTextModelWithProjection

import original_names
from loras import Files, outer
from models import POOLED, config_of, text_config
from networks import unet_inputs
from reference import arguments, fill, filled, uniform, write_case

VOCABULARY = 100
UNET, VAE = "model.diffusion_model.", "first_stage_model."
TEXT, TEXT_2 = "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."
LORAS = [dict(model="kohya", weight=0.6), dict(model="peft", weight=-0.4)]


class Publishable:
    """The networks, filled, and their tensors in both layouts."""

    def __init__(self, seed: int):
        self.seed = seed
        layers = 1 + seed % 2
        self.unet = UNet2DConditionModel(
            sample_size=16, in_channels=4, out_channels=4, block_out_channels=(32, 64, 128), layers_per_block=layers,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(1, 1, 2),
            use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
            transformer_layers_per_block=(1, 1, 2), projection_class_embeddings_input_dim=6 * 8 + POOLED,
            cross_attention_dim=192, norm_num_groups=32)
        levels = [(32, 32, 64, 64), (32, 64, 64)][seed % 2]
        self.vae = AutoencoderKL(
            in_channels=3, out_channels=3, latent_channels=4, block_out_channels=levels, layers_per_block=layers,
            norm_num_groups=32, scaling_factor=0.13025, down_block_types=("DownEncoderBlock2D",) * len(levels),
            up_block_types=("UpDecoderBlock2D",) * len(levels))
        self.text = CLIPTextModel(text_config(64, 2, "quick_gelu", VOCABULARY, heads=1))
        self.text_2 = CLIPTextModelWithProjection(text_config(128, 2 + seed % 2, "gelu", VOCABULARY, heads=2))
        self.networks = {"unet": self.unet, "vae": self.vae, "text_encoder": self.text, "text_encoder_2": self.text_2}
        self.manifests = {name: fill(network, seed, f"{name}.") for name, network in self.networks.items()}

    def refill(self, dtype: torch.dtype):
        """Weights rounded to `dtype`, computed with in f32."""
        for name, network in self.networks.items():
            state = {key: filled(f"{name}.{key}", tensor.shape, self.seed).to(dtype).float()
                     for key, tensor in network.state_dict().items()}
            network.load_state_dict(state)

    def original(self) -> tuple:
        """Original name → names in the folders, each with its network's before it, that it holds one after the other;
        the transposed ones; the linear ones that are convolutions there."""
        layers, levels = self.unet.config.layers_per_block, len(self.vae.config.block_out_channels)
        held, transposed, pointwise = {}, [], []
        for name, original in original_names.whole_unet(self.manifests["unet"], layers).items():
            held[UNET + original] = [f"unet.{name}"]
        for name in self.manifests["vae"]:
            original, is_linear = original_names.vae(name, levels)
            held[VAE + original] = [f"vae.{name}"]
            pointwise += [VAE + original] if is_linear else []
        for name in self.manifests["text_encoder"]:
            held[TEXT + outer(name)] = [f"text_encoder.{name}"]
        for original, names, is_transposed in original_names.open_clip(self.manifests["text_encoder_2"]):
            held[TEXT_2 + original] = [f"text_encoder_2.{name}" for name in names]
            transposed += [TEXT_2 + original] if is_transposed else []
        return held, transposed, pointwise

    def check(self):
        """Asks diffusers' converter to turn the one file back."""
        states = {f"{name}.{key}": tensor for name, network in self.networks.items()
                  for key, tensor in network.state_dict().items()}
        held, transposed, pointwise = self.original()
        file = {original: torch.cat([states[name] for name in names]) for original, names in held.items()}
        file |= {name: file[name].T for name in transposed} | {name: file[name][..., None, None] for name in pointwise}
        back = {
            "unet": convert_ldm_unet_checkpoint(dict(file), self.unet.config),
            "vae": convert_ldm_vae_checkpoint(dict(file), self.vae.config),
            "text_encoder_2": convert_open_clip_checkpoint(self.text_2, dict(file), TEXT_2),
        }
        for network, tensors in back.items():
            wanted = self.networks[network].state_dict()
            assert set(tensors) == set(wanted), (network, set(tensors) ^ set(wanted))
            assert all(torch.equal(tensors[name], wanted[name]) for name in wanted), network


def answers(model: Publishable, inputs: dict, suffix: str) -> dict:
    """What the networks make of the inputs."""
    added = {"text_embeds": inputs["pooled"], "time_ids": inputs["sizes"]}
    noise = model.unet(inputs["sample"], inputs["timestep"], inputs["text"], added_cond_kwargs=added).sample
    text, text_2 = [encoder(inputs["ids"], output_hidden_states=True) for encoder in (model.text, model.text_2)]
    made = dict(noise=noise, hidden=text.hidden_states[-2], hidden_2=text_2.hidden_states[-2],
                pooled_2=text_2.text_embeds, decoded=model.vae.decode(inputs["latents"]).sample,
                moments=model.vae.encode(inputs["picture"]).latent_dist.parameters)
    return {f"{name}.{suffix}": value for name, value in made.items()}


def main():
    args = arguments(__doc__)
    diffusers.utils.logging.set_verbosity_error()
    model = Publishable(args.seed)
    model.check()
    draw = lambda name, *shape: torch.from_numpy(
        uniform(name, args.seed, int(torch.tensor(shape).prod())).reshape(shape))
    inputs = unet_inputs(dict(cross_attention_dim=192), args.seed, 4, 8, 8 + args.seed % 4)
    inputs = {name: value[:1] for name, value in inputs.items()}
    ids = ((draw("ids", 1, 9) + 1) * 48).long()
    ids[0, 0], ids[0, 7:] = VOCABULARY - 2, VOCABULARY - 1
    factor = 2 ** (len(model.vae.config.block_out_channels) - 1)
    inputs |= dict(ids=ids, latents=draw("latents", 1, 4, 2, 3) * 3, picture=draw("picture", 1, 3, 2 * factor, 3 * factor))
    tensors = dict(inputs)
    for dtype, suffix in [(torch.float32, "f32"), (torch.float16, "f16"), (torch.bfloat16, "bf16")]:
        model.refill(dtype)
        tensors |= answers(model, inputs, suffix)
    model.refill(torch.float32)
    loras = Files(model, args.seed)
    pipeline = StableDiffusionXLPipeline(model.vae, model.text, model.text_2, None, None, model.unet,
                                         diffusers.EulerDiscreteScheduler(), add_watermarker=False)
    loras.apply(pipeline, LORAS)
    tensors |= {name: value for name, value in answers(model, inputs, "lora").items()
                if not name.startswith(("decoded", "moments"))}
    used = {lora["model"]: loras.described[lora["model"]] for lora in LORAS}
    held, transposed, pointwise = model.original()
    case = dict(script="checkpoints.py", seed=args.seed, transposed=transposed, pointwise=pointwise, loras=used,
                applied=LORAS, original={name: " ".join(names) for name, names in held.items()})
    case |= {name: dict(config=config_of(network), weights=model.manifests[name])
             for name, network in model.networks.items()}
    write_case(args.out / f"checkpoint-{args.seed}", case, tensors)


if __name__ == "__main__":
    main()
