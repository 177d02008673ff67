#!/usr/bin/env bash
# Python with PyTorch and diffusers, the peer of `reelsmith-benches networks`.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=.cache/bench-networks/venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement tests/reference/requirements.txt
