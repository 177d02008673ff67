#!/usr/bin/env bash
# Compares what is computed here with the reference implementations, on cases with fresh numbers, shapes and settings:
# every script of this directory makes its cases with one seed, and the tests that read golden cases take them too.
# The seed is printed; `SEED=n make parity` makes the same cases again. Needs `make setup-test`.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/reelsmith
venv=${REELSMITH_TEST_TOOLS:-$cache/tools}/reference
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}

# A stamp with the requirements' hash says that the environment is whole. PyTorch for Linux brings CUDA's libraries.
wanted=$(sha256sum <"$here/requirements.txt")
if [ ! -x "$venv/bin/python" ] || [ "$(cat "$venv/.requirements.sha256" 2>/dev/null)" != "$wanted" ]; then
    echo "parity: preparing the reference implementations in $venv (7 GB)"
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    echo "$wanted" >"$venv/.requirements.sha256"
fi

cases=$(mktemp --directory)
trap 'rm -rf "$cases"' EXIT
echo "parity: SEED=$seed"
vocabulary=$cache/models/clip-vocabulary/bpe_simple_vocab_16e6.txt.gz
for script in noise samplers networks tokens checkpoints pipelines rrdb upscale canny student embed recogniser listening xtts xtts_text llama tongues; do
    arguments=(--seed "$seed" --out "$cases")
    case $script in
        tokens | pipelines) arguments+=(--merges "$vocabulary") ;;
        embed) arguments+=(--model "$cache/models/all-minilm-l6-v2") ;;
    esac
    if ! "$venv/bin/python" "$here/$script.py" "${arguments[@]}" >"$cases/log" 2>&1; then
        cat "$cases/log" >&2
        echo "parity: $script.py failed with seed $seed" >&2
        exit 1
    fi
    echo "parity: $script.py made its cases"
done

export REELSMITH_PARITY=$cases
failed=0
cargo test --workspace --no-fail-fast --lib -- tokenizer wordpiece xtts llama_cpp student || failed=1
cargo test --workspace --no-fail-fast --test diffusion --test esrgan --test embed --test whisper --test xtts --test tongues --test edges || failed=1
[ "$failed" = 0 ] && echo "parity: all agree (SEED=$seed)" || echo "parity: something differs (SEED=$seed)" >&2
exit "$failed"
