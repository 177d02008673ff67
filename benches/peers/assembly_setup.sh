#!/usr/bin/env bash
# Makes the Python environment in which MoviePy takes part in `reelsmith-benches assembly`.
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 -m venv .cache/bench-assembly
.cache/bench-assembly/bin/pip install --quiet --disable-pip-version-check "moviepy==2.2.1"
.cache/bench-assembly/bin/pip show moviepy | grep -E '^(Name|Version)'
