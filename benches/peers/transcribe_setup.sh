#!/usr/bin/env bash
# Makes the Python environment and the sounds of `reelsmith-benches transcribe`: the peers, an aligner, and
# people reading aloud.
set -euo pipefail
cd "$(dirname "$0")/../.."
home=.cache/bench-transcribe
python3 -m venv "$home"
"$home/bin/pip" install --quiet --disable-pip-version-check \
    "faster-whisper==1.2.1" "pywhispercpp==1.5.1" "pocketsphinx==5.1.1"
scratch=$(mktemp --directory)
trap 'rm -rf "$scratch"' EXIT
"$home/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$scratch" "moonshine-voice==0.0.65"
mkdir -p "$home/sounds"
for name in two_cities beckett; do
    "$home/bin/python" -m zipfile --extract "$scratch"/*.whl "$scratch/package"
    ffmpeg -nostdin -loglevel error -y -i "$scratch/package/moonshine_voice/assets/$name.wav" -ac 1 -ar 16000 -f f32le "$home/sounds/$name.f32"
done
"$home/bin/pip" show faster-whisper ctranslate2 pywhispercpp pocketsphinx | grep -E '^(Name|Version)'
