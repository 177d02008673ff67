#!/usr/bin/env bash
# Photographs and a small trained autoencoder for `reelsmith-benches seams`: SDXL's own weights are in no package.
# The photographs come from Debian's mate-backgrounds (apt fetches the archive; nothing is installed) and scikit-image.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=.cache/bench-seams
if [ ! -d "$cache/photographs" ]; then
    mkdir -p "$cache/archive"
    (cd "$cache/archive" && apt-get download -qq mate-backgrounds)
    dpkg-deb -x "$cache"/archive/mate-backgrounds_*.deb "$cache/archive"
    mkdir "$cache/photographs"
    cp "$cache"/archive/usr/share/backgrounds/mate/nature/*.jpg "$cache/photographs"
    rm -r "$cache/archive"
fi
benches/peers/networks_setup.sh
if [ ! -f "$cache/vae/config.json" ]; then
    .cache/bench-networks/venv/bin/python benches/peers/seams_train.py "$cache/photographs" "$cache/vae"
fi
