"""Diffusers' names of SDXL's tensors to those of the original training code, as one file holds them.

Written after the two codes' own modules (`generative-models`: `sgm/modules/diffusionmodules/{openaimodel,model}.py`;
OpenCLIP: `transformer.py`); `checkpoints.py` has diffusers' converter turn the result back.
"""

import re

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}
UNET = {
    "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0", "conv_out": "out.2",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OPEN_CLIP = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def unet(name: str, layers: int) -> str:
    """`layers` is the UNet's `layers_per_block`."""
    for ours, theirs in UNET.items():
        if name.startswith(ours + "."):
            return theirs + name[len(ours):]
    if found := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", name):
        kind, n, below = found.groups()
        return f"middle_block.1.{below}" if kind == "attentions" else f"middle_block.{2 * int(n)}.{resnet(below)}"
    way, block, kind, n, below = re.fullmatch(r"(down|up)_blocks\.(\d)\.([a-z]+)\.(\d)\.(.+)", name).groups()
    place = int(block) * (layers + 1) + int(n)
    if way == "down":
        place += 1
        if kind == "downsamplers":
            return f"input_blocks.{place + layers}.0.op.{below.removeprefix('conv.')}"
        return f"input_blocks.{place}.0.{resnet(below)}" if kind == "resnets" else f"input_blocks.{place}.1.{below}"
    if kind == "upsamplers":
        # Behind the residual block and, where the level has one, the transformer: the caller knows.
        return f"output_blocks.{place + layers}.?.{below}"
    return f"output_blocks.{place}.0.{resnet(below)}" if kind == "resnets" else f"output_blocks.{place}.1.{below}"


def resnet(below: str) -> str:
    part, kind = below.rsplit(".", 1)
    return f"{RESNET[part]}.{kind}"


def whole_unet(names, layers: int) -> dict:
    """Name → original name for all tensors of a UNet."""
    moved = {name: unet(name, layers) for name in names}
    used = set(moved.values())
    for name, original in moved.items():
        if "?" in original:
            block = original.split(".?.")[0]
            attends = any(other.startswith(f"{block}.1.") for other in used)
            moved[name] = original.replace("?", "2" if attends else "1")
    return moved


def vae(name: str, levels: int) -> tuple:
    """The original name, and whether a linear layer is a convolution of one pixel there."""
    side, _, rest = name.partition(".")
    if side not in ("encoder", "decoder"):
        return name, False
    rest = rest.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    if found := re.fullmatch(r"mid_block\.attentions\.0\.(.+)\.(weight|bias)", rest):
        part, kind = found.groups()
        is_linear = part != "group_norm" and kind == "weight"
        return f"{side}.mid.attn_1.{VAE_ATTENTION[part]}.{kind}", is_linear
    if found := re.fullmatch(r"mid_block\.resnets\.(\d)\.(.+)", rest):
        return f"{side}.mid.block_{int(found[1]) + 1}.{found[2]}", False
    if found := re.fullmatch(r"(down|up)_blocks\.(\d)\.(.+)", rest):
        way, level, below = found[1], int(found[2]), found[3]
        level = level if way == "down" else levels - 1 - level
        below = re.sub(r"^resnets\.", "block.", below)
        below = re.sub(r"^(down|up)samplers\.0\.", r"\1sample.", below)
        return f"{side}.{way}.{level}.{below}", False
    return f"{side}.{rest}", False


def open_clip(names) -> list:
    """(original name, names whose tensors it holds one after the other, whether it is transposed)."""
    made, joined = [], {}
    for name in names:
        if found := re.fullmatch(r"text_model\.encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)", name):
            layer, part, kind = found.groups()
            joined.setdefault(f"transformer.resblocks.{layer}.attn.in_proj_{kind}", {})[part] = name
        elif found := re.fullmatch(r"text_model\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name):
            layer, part, kind = found.groups()
            made.append((f"transformer.resblocks.{layer}.{OPEN_CLIP[part]}.{kind}", [name], False))
        else:
            made.append({
                "text_model.embeddings.token_embedding.weight": ("token_embedding.weight", [name], False),
                "text_model.embeddings.position_embedding.weight": ("positional_embedding", [name], False),
                "text_model.final_layer_norm.weight": ("ln_final.weight", [name], False),
                "text_model.final_layer_norm.bias": ("ln_final.bias", [name], False),
                "text_projection.weight": ("text_projection", [name], True),
            }[name])
    return made + [(name, [parts[part] for part in "qkv"], False) for name, parts in joined.items()]
