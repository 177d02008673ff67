#!/usr/bin/env bash
# What `reelsmith-benches images-gpu` needs: the peer's Python, and ONNX Runtime for CUDA (`cpu` leaves that out).
set -euo pipefail
cd "$(dirname "$0")/../.."
benches/peers/networks_setup.sh
[ "${1:-cuda}" = cpu ] && exit 0
nvidia-smi --list-gpus || { echo "images_gpu_setup: no NVIDIA card or driver is here" >&2; exit 1; }
cargo run --quiet --release --package reelsmith -- models pull onnxruntime-cuda clip-vocabulary
