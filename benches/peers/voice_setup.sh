#!/usr/bin/env bash
# Makes the Python environment of `reelsmith-benches voice`, `words` and `captions`: the peer, a recogniser, an aligner.
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 -m venv .cache/bench-voice
.cache/bench-voice/bin/pip install --quiet --disable-pip-version-check \
    "kokoro-onnx==0.6.1" "onnxruntime==1.31.1" "faster-whisper==1.2.1" "whisper-normalizer==0.1.15" "pocketsphinx==5.1.1"
.cache/bench-voice/bin/pip show kokoro-onnx onnxruntime faster-whisper pocketsphinx | grep -E '^(Name|Version)'
