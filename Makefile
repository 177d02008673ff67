# Two commands for a newcomer: `make demo` runs the main job, `make test` passes the tests.
# Every target works from a fresh clone; `setup` installs (as root) or names what is missing.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
OUT ?= out
DEMO ?= examples/the-moon-is-leaving.md
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/reelsmith
REELSMITH = cargo run --quiet --release --package reelsmith --
export REELSMITH_TEST_TOOLS := $(CACHE)/tools

.PHONY: help demo test parity bench bench-scheduler bench-networks bench-seams bench-gpu check setup setup-test clean-out

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: setup ## Build, fetch the models and make the example Short into out/.
	cargo build --release --package reelsmith
	$(REELSMITH) make short $(DEMO) --preset youtube_shorts --out $(OUT)

test: setup-test ## Run every test; needs no GPU and no server.
	cargo test --workspace --no-fail-fast

parity: setup-test ## Compare with the reference implementations on fresh cases (7 GB of Python packages).
	tests/reference/parity.sh

bench: setup-test ## Measure against peers and print the tables of benches/results/.
	benches/peers/assembly_setup.sh
	benches/peers/voice_setup.sh
	benches/peers/embed_setup.sh
	benches/peers/transcribe_setup.sh
	benches/peers/chat_setup.sh
	cargo build --release --package reelsmith --package reelsmith-benches
	for bench in assembly voice first words captions embed transcribe chat job store decision live; do cargo run --quiet --release --package reelsmith-benches -- $$bench || exit 1; done

bench-scheduler: ## Replay traces through the scheduler's policy beside the rules of others.
	cargo run --quiet --release --package reelsmith-benches-scheduler

bench-networks: setup-test ## Measure SDXL's networks beside PyTorch (7 GB of packages, 11 GB of random weights).
	benches/peers/networks_setup.sh
	cargo run --quiet --release --package reelsmith-benches -- networks

bench-seams: setup-test ## Measure pictures decoded in bands beside diffusers' tiles (7 GB of packages, 11 GB of random weights).
	benches/peers/seams_setup.sh
	cargo run --quiet --release --package reelsmith-benches -- seams

bench-gpu: setup-test ## Measure pictures on an NVIDIA card beside diffusers (7 GB of packages, 8 GB of random weights).
	benches/peers/images_gpu_setup.sh
	cargo run --quiet --release --package reelsmith-benches -- images-gpu

check: ## Formatting and lints, as CI runs them.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings

setup: ## Install what is missing (apt, when root) or print the line that does.
	@scripts/setup.sh run

# Built as the tests are: another choice of packages has other features, and compiles most of it again.
setup-test:
	@scripts/setup.sh test
	cargo test --workspace --no-run
	$${CARGO_TARGET_DIR:-target}/debug/reelsmith models pull --set test

clean-out: ## Remove the demo's output.
	rm -rf $(OUT)
