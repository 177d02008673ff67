"""The requests that `pipelines.py` sends: the committed ones by name, and the same kinds with fresh numbers."""

import copy

import numpy as np

from samplers import BASE, TURBO, ZERO_SNR

PLAIN = dict(prompt="a red fox in the snow, oil painting!", negative_prompt="", width=64, height=64, steps=4,
             guidance_scale=7.0, sampler="euler", seed=1, count=1, clip_skip=0, noise="f32", loras=[], start=None,
             controls=[])
WORDS = "a the cat dog house on of with under red blue bright dark painting photo, sky; don't 4k café portrait!".split()
NEGATIVE = "blurry, low quality"


def case(schedule=BASE, unet_channels=4, zeros_for_empty=True, parts=None, negative_parts=None, **request) -> dict:
    made = dict(request=PLAIN | request, schedule=schedule, unet_channels=unet_channels, zeros_for_empty=zeros_for_empty)
    return made if parts is None else made | dict(parts=parts, negative_parts=negative_parts)


def start(strength: float, mask: bool = False) -> dict:
    return dict(strength=strength, mask=mask)


def control(model: str, weight: float = 0.8, begin: float = 0.0, end: float = 1.0) -> dict:
    return dict(model=model, weight=weight, start=begin, end=end)


def lora(model: str, weight: float) -> dict:
    return dict(model=model, weight=weight)


def committed() -> dict:
    text_to_image = {
        "euler": case(width=96, count=2),
        "dpmpp": case(sampler="dpmpp_2m_karras", height=72, steps=6, guidance_scale=5.0, negative_prompt=NEGATIVE),
        "unipc": case(sampler="unipc", steps=5, guidance_scale=1.5),
        "lcm": case(sampler="lcm", guidance_scale=1.0, negative_prompt=NEGATIVE),
        "ddim": case(sampler="ddim", prompt="", negative_prompt=NEGATIVE),
        "ancestral": case(sampler="euler_ancestral", count=2, seed=2**32 - 2),
        "no-negative": case(zeros_for_empty=False),
        "velocity": case(schedule=ZERO_SNR, guidance_scale=5.0),
        "turbo": case(schedule=TURBO, sampler="euler_ancestral", steps=1, guidance_scale=0.0),
        "clip-skip": case(clip_skip=1, seed=3),
        "clip-skip-negative": case(clip_skip=1, negative_prompt=NEGATIVE),
        "half-noise": case(noise="f16"),
    }
    fox = [("a fox", 1.0), ("in the snow", 1.3), ("under the trees", 0.6)]
    weighed = {
        "weighted": case(prompt="a fox (in the snow:1.3) (under the trees:0.6)", parts=fox,
                         negative_prompt="[blurry] mist", negative_parts=[("blurry", 1 / 1.1), ("mist", 1.0)]),
        "long": case(prompt="cat dog " * 40 + "(house:1.2)", parts=[("cat dog " * 40, 1.0), ("house", 1.2)],
                     negative_prompt="mist", negative_parts=[("mist", 1.0)]),
    }
    from_a_picture = {
        "image-little": case(start=start(0.3), steps=6),
        "image-much": case(start=start(0.7), steps=6, sampler="dpmpp_2m_karras", negative_prompt=NEGATIVE),
        "image-ancestral": case(start=start(0.6), steps=5, sampler="euler_ancestral"),
        "image-unipc": case(start=start(0.8), steps=5, sampler="unipc"),
        "image-anew": case(start=start(1.0), sampler="ddim"),
        "inpaint": case(start=start(0.9999, True), steps=5),
        "inpaint-full": case(start=start(1.0, True), sampler="dpmpp_2m_karras"),
        "inpaint-half": case(start=start(0.5, True), sampler="euler_ancestral", steps=6),
        "inpaint-lcm": case(start=start(0.8, True), sampler="lcm", steps=5, guidance_scale=1.0),
        "inpaint-9": case(start=start(0.9999, True), unet_channels=9, steps=4),
        "inpaint-9-full": case(start=start(1.0, True), unet_channels=9),
        "inpaint-9-half": case(start=start(0.6, True), unet_channels=9, sampler="ddim", steps=5),
    }
    steered = {
        "control": case(controls=[control("one")]),
        "control-some": case(controls=[control("one", 0.9, 0.4, 0.8)], steps=5),
        "control-two": case(controls=[control("one", 0.7, 0.0, 0.7), control("two", 1.2, 0.2, 0.9)], steps=10,
                            sampler="dpmpp_2m_karras", negative_prompt=NEGATIVE),
        "control-image": case(controls=[control("one", 0.8, 0.25, 0.75)], start=start(0.7), steps=6),
        "control-inpaint": case(controls=[control("one")], start=start(0.8, True), steps=5, guidance_scale=1.0),
    }
    adapted = {
        "lora": case(loras=[lora("kohya", 0.7)]),
        "lora-against": case(loras=[lora("kohya-diffusers", -0.5)]),
        "lora-peft": case(loras=[lora("peft", 0.8)], clip_skip=1),
        "loras": case(loras=[lora("unet-alone", 0.5), lora("kohya", 0.4), lora("peft", 1.2)]),
        "lora-control": case(loras=[lora("kohya", 0.6)], controls=[control("one")]),
    }
    return text_to_image | weighed | from_a_picture | steered | adapted


def varied(case: dict, random) -> dict:
    """The same kind of request with other numbers."""
    request = case["request"]
    request |= dict(width=8 * int(random.integers(8, 17)), height=8 * int(random.integers(8, 17)),
                    seed=int(random.integers(0, 2**63)), steps=request["steps"] + int(random.integers(0, 4)))
    if request["guidance_scale"] > 1:
        request["guidance_scale"] = round(float(random.uniform(1.5, 8)), 2)
    if request["prompt"] and "parts" not in case:
        request["prompt"] = " ".join(random.choice(WORDS, size=int(random.integers(1, 30))))
    # Half-precision noise is drawn by the script itself, and only before the first step.
    if case["schedule"] == BASE and request["sampler"] != "lcm" and request["noise"] == "f32":
        request["sampler"] = str(random.choice(["euler", "euler_ancestral", "dpmpp_2m_karras", "unipc", "ddim"]))
    for used in request["loras"]:
        used["weight"] = round(float(random.uniform(-1, 1.2)), 2)
    for used in request["controls"]:
        used["weight"] = round(float(random.uniform(0, 1.5)), 2)
    if request["start"] and request["start"]["strength"] < 0.9:
        request["start"]["strength"] = round(float(random.uniform(1.1 / request["steps"], 1)), 2)
    return case


def cases(seed: int) -> dict:
    """Requests by name; those of seed 0 are the committed ones."""
    made = copy.deepcopy(committed())
    random = np.random.default_rng(seed)
    return made if seed == 0 else {name: varied(case, random) for name, case in made.items()}
