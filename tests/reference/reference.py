"""What every reference script shares: weights that need no file, and the form of a case.

A case is a directory with `case.json` (what was done: family, configuration, seed, the name and shape of every
weight) and `expected.safetensors` (inputs and what the reference made of them). The weights themselves are not
stored: both sides fill them from the same generator, so that a golden file is small and the checkpoint still has
the true keys and structure. The Rust side of the generator is `inference/tests/support/fill.rs`.
"""

import argparse
import json
import pathlib
import re

import numpy as np
import torch
from safetensors.torch import save_file

MASK = (1 << 64) - 1


def fnv1a(text: str) -> int:
    """FNV-1a, 64 bits, of the UTF-8 bytes."""
    state = 0xCBF29CE484222325
    for byte in text.encode():
        state = ((state ^ byte) * 0x100000001B3) & MASK
    return state


def uniform(name: str, seed: int, count: int) -> np.ndarray:
    """`count` numbers of [-1, 1): SplitMix64 of (name, seed, index), its upper 24 bits."""
    start = np.uint64(fnv1a(name) ^ (seed * 0x9E3779B97F4A7C15 & MASK))
    with np.errstate(over="ignore"):
        z = start + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)).astype(np.float32)


def filled(name: str, shape, seed: int) -> torch.Tensor:
    """A weight: of unit gain where it has a fan-in, near one for a norm's scale, small for the rest."""
    shape = tuple(int(n) for n in shape)
    count = int(np.prod(shape)) if shape else 1
    u = uniform(name, seed, count)
    if len(shape) >= 2:
        fan_in = count // shape[0]
        u = u * np.float32(np.sqrt(3.0 / fan_in))
    elif name.endswith("weight"):
        u = np.float32(1) + np.float32(0.1) * u
    else:
        u = np.float32(0.1) * u
    return torch.from_numpy(u.reshape(shape))


def fill(module: torch.nn.Module, seed: int, prefix: str = "") -> dict:
    """Fills the module's parameters by name, and gives name → shape. Integer buffers stay what they are."""
    manifest = {}
    state = module.state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point():
            state[name] = filled(prefix + name, tensor.shape, seed).to(tensor.dtype)
            manifest[name] = list(tensor.shape)
    module.load_state_dict(state)
    module.eval()
    return manifest


def write_case(folder: pathlib.Path, case: dict, tensors: dict):
    """Writes one case; `case` is JSON, `tensors` name → torch tensor or numpy array."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: torch.as_tensor(value).contiguous().clone() for name, value in tensors.items()}
    text = json.dumps(case, indent=1, sort_keys=True)
    # A list of numbers on one line.
    text = re.sub(r"\[\s+[-+.eE0-9,\s]+\]", lambda numbers: re.sub(r"\s+", "", numbers[0]), text)
    (folder / "case.json").write_text(text + "\n")
    save_file(tensors, str(folder / "expected.safetensors"))
    print(folder, sum(t.numel() * t.element_size() for t in tensors.values()), "bytes")


def arguments(description: str):
    """`--out DIR` for the cases, `--seed N` (the committed ones have seed 0), from the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "golden")
    parser.add_argument("--seed", type=int, default=0)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    return parser.parse_args()
