#!/usr/bin/env python3
"""Converts XTTS-v2's published `model.pth` into the `model.safetensors` that Reelsmith reads. Done once:

    python3 -m pip install torch safetensors numpy
    python3 scripts/convert/xtts.py path/to/model.pth path/to/model.safetensors

The file is a pickle, which may name any Python object. It is read with `weights_only=True`, which makes tensors and
nothing else; four configuration classes that the file holds beside them are made as empty stand-ins and dropped.
Names stay as they are. Left out are copies of the GPT under the names that it is run by, and networks that only the
training needs. `--half` rounds to fp16, which halves the file; the CPU computes in f32 all the same.
"""

import argparse
import pathlib
import sys

import torch
from safetensors.torch import save_file

# Where the published file and later ones keep these classes.
STAND_INS = [
    "TTS.tts.configs.xtts_config.XttsConfig",
    "TTS.tts.configs.xtts_config.XttsArgs",
    "TTS.tts.configs.xtts_config.XttsAudioConfig",
    "TTS.tts.models.xtts.XttsArgs",
    "TTS.tts.models.xtts.XttsAudioConfig",
    "TTS.config.shared_configs.BaseDatasetConfig",
]
SUPERFLUOUS = ("gpt.gpt_inference.", "gpt.gpt.wte.", "dvae.", "torch_mel_spectrogram_dvae.",
               "torch_mel_spectrogram_style_encoder.")


def stand_in(name: str) -> type:
    """A class that takes whatever state it is given and does nothing."""
    return type(name.rsplit(".", 1)[1], (), {"__setstate__": lambda self, state: None})


def weights(path: pathlib.Path) -> dict:
    """Names and tensors of the checkpoint."""
    torch.serialization.add_safe_globals([(stand_in(name), name) for name in STAND_INS])
    loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    state = loaded.get("model", loaded)
    plain = {name.removeprefix("xtts."): tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}
    return {name: tensor for name, tensor in plain.items() if not name.startswith(SUPERFLUOUS)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pickle", type=pathlib.Path)
    parser.add_argument("safetensors", type=pathlib.Path)
    parser.add_argument("--half", action="store_true", help="round the weights to fp16")
    given = parser.parse_args()
    tensors = weights(given.pickle)
    if "gpt.mel_head.weight" not in tensors or "mel_stats" not in tensors:
        print(f"{given.pickle} is no checkpoint of XTTS-v2: it lacks gpt.mel_head.weight or mel_stats", file=sys.stderr)
        return 1
    kind = torch.float16 if given.half else torch.float32
    # What counts is whole; what is divided by, or whose root is taken, is not rounded.
    exact = lambda name, tensor: not tensor.is_floating_point() or name.endswith(("mel_stats", "running_var"))
    # Two names may share a tensor's bytes, which the format does not know.
    tensors = {name: (tensor if exact(name, tensor) else tensor.to(kind)).contiguous().clone()
               for name, tensor in tensors.items()}
    part = given.safetensors.with_suffix(".part")
    save_file(tensors, str(part), metadata={"converted_from": given.pickle.name, "licence": "CPML (non-commercial)"})
    part.rename(given.safetensors)
    print(f"{given.safetensors}: {len(tensors)} tensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
