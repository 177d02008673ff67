"""Small LoRAs for a model of `models.py`, under the key names of their several origins.

Each is a dict of tensors as its file would hold, and what else the file says of itself. Ranks differ from layer to
layer, and alphas where diffusers takes note of it: of kohya's files it loses the alpha of an attention layer, and
takes the most frequent one there.
"""

import json
import tempfile

import numpy as np
import torch
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import save_file

import original_names
from reference import filled

# Ends of the names of UNet layers, of each of which one takes part.
UNET = ["attn1.to_q", "attn1.to_v", "attn2.to_k", "attn2.to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"]
CONVOLUTIONS = ["resnets.0.conv1", "resnets.1.conv2", "conv_shortcut", "time_emb_proj", "downsamplers.0.conv",
                "upsamplers.0.conv", "conv_in", "conv_out"]
# That of the file with PEFT's keys.
ALPHA = 2.0
# UNet layers with an alpha of their own.
SINGULAR = ("proj_in", "ff.net.2", "resnets.1.conv2", "conv_out")
TEXT = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2"]


def chosen(network, ends: list, random) -> list:
    """(name, module): for each end a layer that has it."""
    modules = [(name, module) for name, module in network.named_modules() if hasattr(module, "weight")]
    picked = {}
    for end in ends:
        fitting = [(name, module) for name, module in modules if name == end or name.endswith(f".{end}")]
        if fitting:
            name, module = fitting[int(random.integers(len(fitting)))]
            picked[name] = module
    return sorted(picked.items())


def outer(layer: str) -> str:
    """The name in published files of a text encoder's layer, wherever this version of transformers has it."""
    return layer if layer.startswith("text_model.") else f"text_model.{layer}"


class Files:
    """Tensors and descriptions of LoRAs, by name."""

    def __init__(self, model, seed: int):
        self.model, self.seed = model, seed
        self.random = np.random.default_rng(seed + 100)
        self.tensors, self.described = {}, {}
        convolutions = UNET + CONVOLUTIONS
        self.kohya("kohya", convolutions, self.original)
        self.kohya("kohya-diffusers", convolutions, lambda prefix, layer: layer if prefix == "lora_unet" else outer(layer))
        self.kohya("unet-alone", UNET, lambda prefix, layer: layer, text=False)
        self.peft("peft")

    def kohya(self, title: str, ends: list, rename, text: bool = True):
        """`lora_unet_…`, the dots of the layer's name turned into underscores, each with its alpha."""
        tensors, alphas = {}, {}
        networks = [("lora_unet", self.model.unet, ends)]
        if text:
            networks += [("lora_te1", self.model.text, TEXT), ("lora_te2", self.model.text_2, TEXT)]
        for prefix, network, ends in networks:
            for layer, module in chosen(network, ends, self.random):
                key = f"{prefix}_{rename(prefix, layer).replace('.', '_')}"
                alphas[f"{key}.alpha"] = 2.5 if layer.endswith(SINGULAR) else 1.5
                tensors |= self.matrices(title, f"{key}.lora_down.weight", f"{key}.lora_up.weight", module)
        self.add(title, tensors, alphas)

    def original(self, network: str, layer: str) -> str:
        """The names of the original code for the UNet; text encoders have transformers' there too."""
        if network != "lora_unet":
            return outer(layer)
        names = [name for name, _ in self.model.unet.named_parameters()]
        renamed = original_names.whole_unet(names, self.model.unet.config.layers_per_block)
        return renamed[f"{layer}.weight"].removesuffix(".weight")

    def peft(self, title: str):
        """`unet.….lora_A.weight`, with PEFT's settings in the file's metadata. The first text encoder's layers have no
        outer `text_model.`, as version 5 of transformers has them."""
        tensors, metadata, rank = {}, {}, 3
        for prefix, network, ends in [("unet", self.model.unet, UNET + CONVOLUTIONS), ("text_encoder", self.model.text, TEXT),
                                      ("text_encoder_2", self.model.text_2, TEXT)]:
            picked = chosen(network, ends, self.random)
            for layer, module in picked:
                key = f"{prefix}.{layer}"
                tensors |= self.matrices(title, f"{key}.lora_A.weight", f"{key}.lora_B.weight", module, rank)
            settings = LoraConfig(r=rank, lora_alpha=ALPHA, target_modules=[layer for layer, _ in picked]).to_dict()
            settings = {name: sorted(value) if isinstance(value, set) else value for name, value in settings.items()}
            metadata |= {f"{prefix}.{name}": value for name, value in settings.items()}
        self.add(title, tensors, {}, {LORA_ADAPTER_METADATA_KEY: json.dumps(metadata, sort_keys=True)})

    def matrices(self, title: str, down: str, up: str, module, rank: int = 0) -> dict:
        rank = rank or int(self.random.integers(2, 5))
        outputs, *inputs = module.weight.shape
        shapes = {down: [rank, *inputs], up: [outputs, rank, *[1 for _ in inputs[1:]]]}
        return {name: filled(f"lora.{title}.{name}", shape, self.seed) for name, shape in shapes.items()}

    def scales(self, title: str) -> dict:
        """By how much each layer's change is multiplied, by its first matrix's bytes."""
        tensors, metadata = self.tensors[title], self.described[title]["metadata"]
        scales = {}
        for name, tensor in tensors.items():
            if name.endswith(("lora_down.weight", "lora_A.weight")):
                alpha = float(tensors[f"{name.split('.')[0]}.alpha"]) if not metadata else ALPHA
                scales[tensor.numpy().tobytes()] = alpha / tensor.shape[0]
        return scales

    def add(self, title: str, tensors: dict, alphas: dict, metadata: dict = {}):
        weights = {name: list(tensor.shape) for name, tensor in tensors.items()}
        self.described[title] = dict(weights=weights, alphas=alphas, metadata=metadata)
        self.tensors[title] = tensors | {name: torch.tensor(alpha) for name, alpha in alphas.items()}

    def apply(self, pipeline, loras: list):
        """Loads LoRAs from files, and asks that every layer of theirs has found its place and its scale."""
        for lora in loras:
            name = lora["model"]
            with tempfile.TemporaryDirectory() as folder:
                metadata = self.described[name]["metadata"] or None
                save_file(self.tensors[name], f"{folder}/lora.safetensors", metadata=metadata)
                pipeline.load_lora_weights(folder, weight_name="lora.safetensors", adapter_name=name)
            networks = (pipeline.unet, pipeline.text_encoder, pipeline.text_encoder_2)
            layers = [layer for network in networks for layer in network.modules() if isinstance(layer, BaseTunerLayer)]
            found = {layer.lora_A[name].weight.numpy().tobytes(): layer.scaling[name]
                     for layer in layers if name in layer.scaling}
            assert found == self.scales(name), name
        pipeline.set_adapters([lora["model"] for lora in loras], [lora["weight"] for lora in loras])
