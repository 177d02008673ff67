#!/usr/bin/env bash
# Makes the Python environment of `reelsmith-benches chat`: llama.cpp as another project builds it.
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 -m venv .cache/bench-chat
.cache/bench-chat/bin/pip install --quiet --disable-pip-version-check "xllamacpp==2026.10.11549"
.cache/bench-chat/bin/pip show xllamacpp | grep -E '^(Name|Version)'
