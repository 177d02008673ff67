#!/usr/bin/env bash
# Python with sentence-transformers and ONNX Runtime, the peers of `reelsmith-benches embed`.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=.cache/bench-embed/venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    torch==2.8.0 transformers==5.23.0 sentence-transformers==6.2.0 onnx==1.23.2 onnxruntime==1.31.1
