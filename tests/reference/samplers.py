"""The samplers of diffusers, step by step, with a model that both sides can compute.

Per sampler one case of many runs; a run is a scheduler's configuration, a number of steps and a strength (below 1 as
image-to-image does it). Recorded are the time steps, the first sample, the sample after each step and, for
image-to-image, the picture noised for each step, as inpainting needs it.
"""

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline as ImageToImage
from diffusers.utils.torch_utils import randn_tensor

from reference import arguments, uniform, write_case

# The scheduler's configuration that SDXL base 1.0 is published with.
BASE = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "interpolation_type": "linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "sample_max_value": 1.0,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "trained_betas": None,
    "use_karras_sigmas": False,
}
TURBO = BASE | {"timestep_spacing": "trailing"}
VELOCITY = BASE | {"prediction_type": "v_prediction"}
ZERO_SNR = VELOCITY | {"timestep_spacing": "trailing", "rescale_betas_zero_snr": True}
LINSPACE = BASE | {"timestep_spacing": "linspace", "set_alpha_to_one": True}
COSINE = BASE | {"beta_schedule": "squaredcos_cap_v2"}
LINEAR = BASE | {"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02, "steps_offset": 0}
SAMPLE = BASE | {"prediction_type": "sample"}
KARRAS = BASE | {"use_karras_sigmas": True}
CLIPPED = BASE | {"clip_sample": True, "clip_sample_range": 1.5}
LAST_SIGMA = BASE | {"final_sigmas_type": "sigma_min"}

SAMPLERS = {
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "ddim": ("DDIMScheduler", {}),
}


def committed(sampler: str) -> list:
    """(configuration, steps, strength) of the committed cases."""
    runs = [(BASE, 4, 1.0), (BASE, 30, 1.0), (TURBO, 1, 1.0), (TURBO, 4, 1.0), (TURBO, 30, 1.0)]
    runs += [(VELOCITY, 20, 1.0), (ZERO_SNR, 20, 1.0), (LINSPACE, 20, 1.0), (COSINE, 8, 1.0), (LINEAR, 7, 1.0)]
    runs += [(BASE, 1, 1.0), (BASE, 20, 0.3), (TURBO, 20, 0.75), (BASE, 10, 0.7), (TURBO, 2, 0.5)]
    if sampler != "euler_ancestral":
        runs += [(SAMPLE, 5, 1.0)]
    if sampler in ("euler", "unipc"):
        runs += [(KARRAS, 12, 1.0), (KARRAS | {"final_sigmas_type": "sigma_min"}, 6, 1.0)]
    if sampler in ("euler", "dpmpp_2m_karras", "unipc"):
        runs += [(LAST_SIGMA, 6, 1.0), (LAST_SIGMA, 20, 1.0)]
    if sampler == "euler":
        runs += [(BASE | {"interpolation_type": "log_linear"}, 9, 1.0)]
    if sampler in ("ddim", "lcm"):
        runs += [(CLIPPED, 6, 1.0)]
    if sampler == "lcm":
        runs += [(BASE | {"original_inference_steps": 100, "timestep_scaling": 7.5}, 6, 1.0)]
    return runs


def fresh(random, sampler: str) -> list:
    """Runs with numbers of their own."""
    configs = [BASE, TURBO, VELOCITY, ZERO_SNR, LINSPACE, COSINE, LINEAR]
    configs += [KARRAS, LAST_SIGMA] if sampler in ("euler", "dpmpp_2m_karras", "unipc") else []
    most = 50 if sampler == "lcm" else 60
    draw = lambda: (configs[random.integers(len(configs))], int(random.integers(1, most)))
    runs = [draw() + (1.0,) for _ in range(10)]
    for config, steps in [draw() for _ in range(6)]:
        runs.append((config, steps, round(float(random.uniform(1 / steps, 1)) + 0.005, 2)))
    # diffusers takes one step too many where 1000 / (1000 / n) comes out above n (29 of 50 does, 61 of 1000).
    return [(config, steps, min(strength, 1.0)) for config, steps, strength in runs if steps != 61]


def model(scaled: torch.Tensor, timestep: float, bias: torch.Tensor) -> torch.Tensor:
    """Smooth, bounded, in operations whose rounding IEEE 754 fixes."""
    gain = np.float32(0.2) + np.float32(0.8) * np.float32(timestep) / np.float32(1000)
    return scaled / (1 + 0.25 * (scaled * scaled)) * float(gain) + 0.1 * bias


class Pipeline:
    """What `get_timesteps` of the pipeline asks of it."""

    def __init__(self, scheduler):
        self.scheduler = scheduler

    get_timesteps = ImageToImage.get_timesteps


def run(name: str, config: dict, steps: int, strength: float, seed: int, shape: tuple) -> tuple:
    kind, extra = SAMPLERS[name]
    scheduler = getattr(diffusers, kind).from_config(config, **extra)
    scheduler.set_timesteps(steps)
    timesteps = scheduler.timesteps
    generators = [torch.Generator().manual_seed(seed + i) for i in range(shape[0])]
    count = int(np.prod(shape))
    original = torch.from_numpy(uniform(f"original.{seed}", seed, count)).reshape(shape)
    noise = randn_tensor(shape, generator=generators)
    noised = []
    if strength < 1:
        timesteps, _ = Pipeline(scheduler).get_timesteps(steps, strength, "cpu")
        sample = scheduler.add_noise(original, noise, timesteps[:1])
        noised.append(sample)
    else:
        # Left to itself, diffusers looks its place up by time step, and runs past its end where the first two are
        # the same (cosine betas with Karras' sigmas).
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)
        sample = noise * scheduler.init_noise_sigma
    stochastic = {"generator": generators} if kind in ("EulerAncestralDiscreteScheduler", "LCMScheduler") else {}
    samples = [sample]
    for i, t in enumerate(timesteps):
        bias = torch.from_numpy(uniform(f"bias.{i}", seed, count)).reshape(shape)
        output = model(scheduler.scale_model_input(sample, t), float(t), bias)
        sample = scheduler.step(output, t, sample, **stochastic).prev_sample
        samples.append(sample)
        if strength < 1 and i + 1 < len(timesteps):
            noised.append(scheduler.add_noise(original, noise, timesteps[i + 1 : i + 2]))
    tensors = {"timesteps": timesteps.to(torch.float32), "samples": torch.stack(samples)}
    if noised:
        tensors["noised"] = torch.stack(noised)
    if name == "ddim":
        tensors["alphas_cumprod"] = scheduler.alphas_cumprod[::97]
    record = {"steps": steps, "strength": strength, "seed": seed}
    return record | {"init_noise_sigma": float(scheduler.init_noise_sigma)}, tensors


def main():
    args = arguments(__doc__)
    diffusers.utils.logging.set_verbosity_error()
    random = np.random.default_rng(args.seed)
    shape = (2, 2, 3, 3) if args.seed == 0 else tuple(int(random.integers(2, 7)) for _ in range(4))
    for name in SAMPLERS:
        runs, configs, tensors = [], [], {}
        for index, (config, steps, strength) in enumerate(fresh(random, name) if args.seed else committed(name)):
            configs += [] if config in configs else [config]
            record, arrays = run(name, config, steps, strength, args.seed * 1000 + index, shape)
            runs.append(record | {"config": configs.index(config)})
            tensors |= {f"{index}.{key}": array for key, array in arrays.items()}
        case = {"family": "samplers", "sampler": name, "seed": args.seed, "shape": shape}
        case |= {"configs": configs, "runs": runs}
        write_case(args.out / f"samplers-{name}", case, tensors)


if __name__ == "__main__":
    main()
