"""The noise of PyTorch's CPU generator: `torch.randn` in single and half precision, of many sizes in a row.

PyTorch has a variant of its own for AVX2, so a case is named by the processor's capability; the committed ones were
made with and without `ATEN_CPU_CAPABILITY=avx2`.
"""

import numpy as np
import torch

from reference import arguments, write_case

# Of a long draw, this many numbers from its end and each so-and-so-th number are kept.
TAIL, STRIDE = 48, 997


def kept(numbers: torch.Tensor) -> torch.Tensor:
    if numbers.numel() <= 4096:
        return numbers
    return torch.cat([numbers[::STRIDE], numbers[-TAIL:]])


def streams(seed: int) -> list:
    """Seeds, each with the sizes and precisions that are drawn from it one after the other."""
    sizes = [1, 5, 15, 16, 17, 31, 4 * 8 * 8, 4 * 128 * 128]
    single = [(number, [("float32", size)]) for number, size in enumerate(sizes)]
    half = [(number, [("float16", size)]) for number, size in enumerate(sizes)]
    large = [(number, [("float32", 37), ("float16", 37)]) for number in (2**32 - 1, 2**32 + 7, 2**53 + 1, 2**64 - 1)]
    mixed = [("float32", 3), ("float16", 5), ("float32", 256), ("float32", 1), ("float16", 33), ("float16", 2)]
    ancestral = [("float16", 4 * 9 * 11)] * 5
    if seed == 0:
        return single + half + large + [(42, mixed), (1234, ancestral)]
    random = np.random.default_rng(seed)
    draw = lambda: (str(random.choice(["float32", "float16"])), int(random.choice([random.integers(1, 40), random.integers(40, 70000)])))
    return [(int(random.integers(0, 2**63)), [draw() for _ in range(random.integers(1, 8))]) for _ in range(20)]


def main():
    args = arguments(__doc__)
    case, tensors = {"family": "noise", "seed": args.seed, "stride": STRIDE, "tail": TAIL, "streams": []}, {}
    for index, (number, draws) in enumerate(streams(args.seed)):
        generator = torch.Generator(device="cpu").manual_seed(number)
        case["streams"].append({"seed": number, "draws": [{"dtype": d, "count": n} for d, n in draws]})
        for place, (dtype, count) in enumerate(draws):
            numbers = torch.randn(count, generator=generator, dtype=getattr(torch, dtype))
            tensors[f"{index}.{place}"] = kept(numbers)
    capability = torch.backends.cpu.get_cpu_capability().lower().replace(" ", "-")
    write_case(args.out / f"noise-{capability}", case, tensors)


if __name__ == "__main__":
    main()
