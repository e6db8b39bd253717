# On a machine with Python 3.11 or 3.12 and make, every target sets itself up first.
#
# It does so in .venv-gpu, with the extra cuda, where nvidia-smi lists a GPU that nobody hides, or with
# `make GPU=1`; or else in .venv. With `make GPU=0` nothing sees a GPU. A variable GPU of the environment
# is not asked: elsewhere it is the number of a GPU.
ifneq ($(origin GPU),command line)
  override GPU :=
endif
ifeq ($(GPU),)
  COMMA := ,
  HIDING := -1 NoDevFiles none void
  FIRST := $(firstword $(subst $(COMMA), ,$(CUDA_VISIBLE_DEVICES)))
  CHOSEN := $(if $(filter undefined,$(origin CUDA_VISIBLE_DEVICES)),all,$(filter-out $(HIDING),$(FIRST)))
  override GPU := $(if $(CHOSEN),$(if $(filter GPU,$(shell timeout 20 nvidia-smi -L 2>/dev/null)),1))
endif
ifneq ($(GPU),$(filter 0 1,$(GPU)))
  $(error GPU=$(GPU) is neither 1, to compute on NVIDIA GPUs, nor 0, to compute on the CPU)
endif
ifeq ($(GPU),0)
  export CUDA_VISIBLE_DEVICES := -1
endif
VENV := .venv$(if $(filter 1,$(GPU)),-gpu)
BIN := $(VENV)/bin
HAS_GPU := import sys; from kreproduce.system import gpus; sys.exit(0 if gpus.detect().expects_gpu else "kreproduce: there is no NVIDIA GPU: nvidia-smi lists none, or CUDA_VISIBLE_DEVICES or make GPU=0 hides it")
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
PYTHON ?= $(firstword $(foreach python,python3 python3.12 python3.11,$(shell $(python) -c '$(FITS)' 2>/dev/null && echo $(python))))
NO_PYTHON := kreproduce needs Python 3.11 or 3.12; install one, or name it: make PYTHON=/path/to/python3.12

.PHONY: help has-gpu run test test-slow test-browser faults gpu-check bench bench-gpu lint format tables audit reference families docs check-tables clean

help:                         ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Before gigabytes of CUDA are installed for nothing: it takes no package.
has-gpu: PYTHON_HERE = $(firstword $(PYTHON) $(wildcard $(BIN)/python))
has-gpu:
	@test -n "$(PYTHON_HERE)" || { echo "$(NO_PYTHON)"; exit 2; }
	@PYTHONPATH=. $(PYTHON_HERE) -c '$(HAS_GPU)'

run: $(VENV)/ready            ## a complete small experiment, offline, in a few minutes
	$(BIN)/kreproduce run digits

test: $(VENV)/ready           ## the fast tests
	$(BIN)/pytest --numprocesses 2 --dist loadfile

test-slow: $(VENV)/ready      ## the others
	$(BIN)/pytest -m slow --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 40

test-browser: $(VENV)/ready   ## those of the pages, in Chromium; .ci/chromium installs it
	$(BIN)/pytest -m browser

faults: $(VENV)/ready         ## every fault there is a test for, injected; half an hour
	$(BIN)/pytest -m "faults or slow" tests/faults

lint: $(VENV)/ready           ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/ready
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/ready          ## measure this CPU; nothing else should be running, for half an hour
	$(BIN)/kreproduce bench steps baseline v2-32ch v2-32ch:naive --only training --devices cpu
	$(BIN)/kreproduce bench steps baseline v2-16ch v2-32ch --only inference --batch 1 --devices cpu
	$(BIN)/kreproduce bench steps baseline v2-16ch v2-32ch --only inference --batch 32 --devices cpu
	$(BIN)/kreproduce bench table --devices cpu
	$(BIN)/kreproduce bench memory --batch 16 --devices cpu
	$(BIN)/kreproduce bench start-up --repeats 7

WAYS := v2-32ch v2-32ch:dense v2-32ch:per_group v2-32ch:native
bench-gpu: has-gpu $(VENV)/ready  ## measure this GPU
	$(BIN)/kreproduce bench steps baseline $(WAYS) --only training --batch 64 --precision mixed_bfloat16
	$(BIN)/kreproduce bench steps baseline $(WAYS) --only training --batch 64 --precision mixed_float16
	$(BIN)/kreproduce bench parallel --batch 64 --precision mixed_bfloat16
	$(BIN)/kreproduce bench steps-per-execution --batch 64 --precision mixed_bfloat16

gpu-check: $(VENV)/ready      ## try this GPU: short trainings, one killed, two at once; minutes
	$(BIN)/kreproduce doctor --gpu

GENERATED := results/tables results/claims docs/reproduction.md docs/beyond.md
tables: $(VENV)/ready         ## write tables, claims, figure and pages from the paper and the records
	$(BIN)/kreproduce table all --write
	$(BIN)/kreproduce claims --write
	$(BIN)/kreproduce plot frontier -o results/claims/frontier.svg
	$(BIN)/kreproduce claims --format report > docs/reproduction.md.new
	mv docs/reproduction.md.new docs/reproduction.md
	$(BIN)/python -m kreproduce.claims.beyond > docs/beyond.md.new
	mv docs/beyond.md.new docs/beyond.md

table-%: $(VENV)/ready        ## make table-5
	$(BIN)/kreproduce table $*

audit: $(VENV)/ready          ## recompute what the paper states
	$(BIN)/kreproduce audit

reference: $(VENV)/ready      ## write docs/cli.md, the reference of the command line, from the commands
	$(BIN)/python -m kreproduce.cli.reference > docs/cli.md.new
	mv docs/cli.md.new docs/cli.md

families: $(VENV)/ready       ## group twelve networks of keras.applications, check them, write docs/families.md
	$(BIN)/python -m kreproduce.network.any_model.families > docs/families.md.new
	mv docs/families.md.new docs/families.md

docs: $(VENV)/ready           ## the pages of docs/ and the API as a site: build/docs/index.html
	rm -rf build/docs
	$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning docs build/docs

check-tables: tables          ## fails if any of these is not what the records give
	@found="$$(git status --porcelain -- $(GENERATED))" || exit; test -z "$$found" || { echo "$$found" >&2; git diff --stat -- $(GENERATED); echo "kreproduce: in git these are not what the records in results/runs and results/beyond give, as they are now; commit them with these records, or check in a clone without runs of your own" >&2; exit 1; }

sweep-%: $(VENV)/ready        ## make sweep-5 SWEEP="--jobs 2": train the missing rows of a table
	$(BIN)/kreproduce sweep $* $(SWEEP)

EXTRAS := dev
.venv-gpu/ready: EXTRAS := dev,cuda
.venv-gpu/ready: requirements-cuda.lock | has-gpu
.venv/ready .venv-gpu/ready: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "$(NO_PYTHON)"; exit 2; }
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check $(addprefix --constraint ,$(filter %.lock,$^)) --editable '.[$(EXTRAS)]'
	@touch $@

clean:
	rm -rf .venv .venv-gpu .mypy_cache .pytest_cache .ruff_cache build
