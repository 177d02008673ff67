"""UNet, autoencoder, text encoders and ControlNet of SDXL's kind, small, against diffusers and transformers.

Each is made with random weights under the true keys; what it answers to a random input is recorded.
"""

import json

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from reference import arguments, fill, uniform, write_case


def unet_config(variant: int) -> dict:
    """SDXL's structure at an eighth of its width; fresh variants have other widths, depths and heads."""
    wide = variant % 3
    return dict(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=[(16, 32, 32), (32, 32, 64), (16, 48, 64)][wide],
        layers_per_block=2 if variant % 2 == 0 else 1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=[(2, 4, 4), (1, 2, 4), (2, 3, 2)][wide],
        use_linear_projection=variant % 2 == 0,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1, 2),
        projection_class_embeddings_input_dim=6 * 8 + 24,
        cross_attention_dim=32,
        norm_num_groups=8,
    )


def unet_inputs(config: dict, seed: int, channels: int, height: int, width: int):
    """Sample, timesteps, text, pooled text and sizes of two pictures."""
    draw = lambda name, *shape: torch.from_numpy(
        uniform(name, seed, int(torch.tensor(shape).prod())).reshape(shape))
    return dict(
        sample=draw("sample", 2, channels, height, width) * 2,
        timestep=torch.tensor([731.0, 12.0]),
        text=draw("text", 2, 9, config["cross_attention_dim"]),
        pooled=draw("pooled", 2, 24),
        sizes=torch.tensor([[1024.0, 768, 0, 16, 1024, 1024], [64, 64, 0, 0, 128, 64]]),
    )


def unet(folder, seed: int):
    """The UNet with and without residuals from a ControlNet, on a picture of odd size too."""
    config = unet_config(seed)
    model = UNet2DConditionModel(**config)
    manifest = fill(model, seed)
    inputs = unet_inputs(config, seed, 4, 12, 10 if seed == 0 else 11)
    added = {"text_embeds": inputs["pooled"], "time_ids": inputs["sizes"]}
    plain = model(inputs["sample"], inputs["timestep"], inputs["text"], added_cond_kwargs=added).sample
    net = ControlNetModel.from_unet(model, conditioning_embedding_out_channels=(8, 8, 16, 32))
    net_manifest = fill(net, seed, "controlnet.")
    hint = torch.from_numpy(uniform("hint", seed, 2 * 3 * 96 * 8 * inputs["sample"].shape[3]).reshape(
        2, 3, 96, 8 * inputs["sample"].shape[3])) * 0.5 + 0.5
    down, mid = net(inputs["sample"], inputs["timestep"], inputs["text"], hint, conditioning_scale=0.7,
                    added_cond_kwargs=added, return_dict=False)
    steered = model(inputs["sample"], inputs["timestep"], inputs["text"], added_cond_kwargs=added,
                    down_block_additional_residuals=down, mid_block_additional_residual=mid).sample
    case = dict(script="networks.py", seed=seed, config=json.loads(model.to_json_string()), weights=manifest,
                controlnet=json.loads(net.to_json_string()), controlnet_weights=net_manifest, scale=0.7)
    residuals = {f"residual_{n}": value for n, value in enumerate([*down, mid])}
    write_case(folder / f"unet-{seed}", case, dict(inputs, plain=plain, hint=hint, steered=steered, **residuals))


def vae(folder, seed: int):
    """The autoencoder, both ways."""
    config = dict(
        in_channels=3, out_channels=3, latent_channels=4,
        block_out_channels=(8, 16, 16) if seed % 2 == 0 else (16, 16, 24, 32),
        layers_per_block=1 if seed % 2 == 0 else 2,
        norm_num_groups=8, scaling_factor=0.13025, sample_size=64,
    )
    config["down_block_types"] = ("DownEncoderBlock2D",) * len(config["block_out_channels"])
    config["up_block_types"] = ("UpDecoderBlock2D",) * len(config["block_out_channels"])
    model = AutoencoderKL(**config)
    manifest = fill(model, seed)
    latents = torch.from_numpy(uniform("latents", seed, 2 * 4 * 6 * 9).reshape(2, 4, 6, 9)) * 3
    picture = torch.from_numpy(uniform("picture", seed, 3 * 32 * 48).reshape(1, 3, 32, 48))
    case = dict(script="networks.py", seed=seed, config=json.loads(model.to_json_string()), weights=manifest)
    tensors = dict(latents=latents, decoded=model.decode(latents).sample, picture=picture,
                   moments=model.encode(picture).latent_dist.parameters)
    write_case(folder / f"vae-{seed}", case, tensors)


def clip(folder, seed: int):
    """The two text encoders: quick GELU without, GELU with a projection of the pooled text."""
    for name, kind, act in [("l", CLIPTextModel, "quick_gelu"), ("g", CLIPTextModelWithProjection, "gelu")]:
        config = CLIPTextConfig(
            vocab_size=100, hidden_size=32 if name == "l" else 40, intermediate_size=64,
            num_hidden_layers=3 + seed % 2, num_attention_heads=4, hidden_act=act, projection_dim=24,
            bos_token_id=98, eos_token_id=99, pad_token_id=99)
        model = kind(config)
        manifest = fill(model, seed)
        ids = torch.from_numpy(((uniform("ids", seed, 2 * 77) + 1) * 48).astype("int64").reshape(2, 77))
        ids[:, 0] = 98
        ids[0, 20:] = 99
        ids[1, 76] = 99
        out = model(ids, output_hidden_states=True)
        tensors = dict(ids=ids, **{f"hidden_{n}": state for n, state in enumerate(out.hidden_states) if n > 0})
        if name == "g":
            tensors["pooled"] = out.text_embeds
        case = dict(script="networks.py", seed=seed, config=json.loads(config.to_json_string(use_diff=False)),
                    weights=manifest)
        write_case(folder / f"clip-{name}-{seed}", case, tensors)


if __name__ == "__main__":
    given = arguments(__doc__)
    unet(given.out, given.seed)
    vae(given.out, given.seed)
    clip(given.out, given.seed)
