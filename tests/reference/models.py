"""Small models of SDXL's structure: UNet, autoencoder, both text encoders, ControlNet, and their tokenisers.

The vocabulary is the real one, so that prompts are real; everything else is small. `tests/reference/tokens.py` tells
where the vocabulary comes from.
"""

import json

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from networks import unet_config
from reference import fill
from tokens import vocabulary

# Tokens before and after a text.
BEGIN, END = 49406, 49407
# Width of the pooled text, which `unet_config` counts with.
POOLED = 24


def vae_config(variant: int) -> dict:
    """Four levels, as a ControlNet's map and SDXL's sizes are eight times as large as the latents."""
    channels = [(8, 8, 16, 16), (16, 16, 24, 32)][variant % 2]
    return dict(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=channels,
        layers_per_block=1 + variant % 2, norm_num_groups=8, scaling_factor=0.13025, sample_size=64,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)


def text_config(width: int, layers: int, act: str, vocab_size: int = END + 1, heads: int = 2) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=vocab_size, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
        num_attention_heads=heads, hidden_act=act, projection_dim=POOLED, bos_token_id=vocab_size - 2,
        eos_token_id=vocab_size - 1, pad_token_id=vocab_size - 1)


class Small:
    """The networks of one model, filled by their names: `unet.`, `vae.` … stand before the names of the tensors."""

    def __init__(self, seed: int, channels: int = 4):
        widths = [(12, 20), (16, 16), (8, 24)][seed % 3]
        self.seed = seed
        self.unet = UNet2DConditionModel(**unet_config(seed) | dict(in_channels=channels))
        self.vae = AutoencoderKL(**vae_config(seed))
        self.text = CLIPTextModel(text_config(widths[0], 3, "quick_gelu"))
        self.text_2 = CLIPTextModelWithProjection(text_config(widths[1], 3 + seed % 2, "gelu"))
        self.manifests = {name: fill(network, seed, f"{name}.") for name, network in self.networks().items()}

    def networks(self) -> dict:
        return {"unet": self.unet, "vae": self.vae, "text_encoder": self.text, "text_encoder_2": self.text_2}

    def controlnet(self, name: str) -> ControlNetModel:
        """A ControlNet for the UNet; all have one shape."""
        torch.manual_seed(0)
        net = ControlNetModel.from_unet(self.unet, conditioning_embedding_out_channels=(8, 8, 16, 16))
        self.manifests["controlnet"] = fill(net, self.seed, f"control.{name}.")
        self.controlnet_config = config_of(net)
        return net

    def described(self) -> dict:
        """For `case.json`: each network's configuration, and name → shape of its tensors."""
        parts = {name: dict(config=config_of(network), weights=self.manifests[name])
                 for name, network in self.networks().items()}
        parts["controlnet"] = dict(config=self.controlnet_config, weights=self.manifests["controlnet"])
        return parts


def config_of(network) -> dict:
    """What `config.json` beside the network's file says."""
    config = getattr(network, "config", network)
    is_text = isinstance(config, CLIPTextConfig)
    return json.loads(config.to_json_string(use_diff=False) if is_text else network.to_json_string())


def tokenizers(merges_file) -> list:
    """SDXL's two: the second one pads with `!`."""
    vocab, merges = vocabulary(merges_file)
    return [CLIPTokenizer(vocab=dict(vocab), merges=list(merges), pad_token=pad, model_max_length=77)
            for pad in ("<|endoftext|>", "!")]
