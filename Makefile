# On a machine with Python 3.11 or 3.12 and make, every target sets itself up first.
VENV := .venv
BIN := $(VENV)/bin
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
PYTHON ?= $(firstword $(foreach python,python3 python3.12 python3.11,$(shell $(python) -c '$(FITS)' 2>/dev/null && echo $(python))))

.PHONY: run test test-slow faults bench bench-gpu lint format tables audit check-tables clean

run: $(VENV)/ready            ## a complete small experiment, offline, in a few minutes
	$(BIN)/kreproduce run digits

test: $(VENV)/ready           ## the fast tests
	$(BIN)/pytest --numprocesses 2 --dist loadfile

test-slow: $(VENV)/ready      ## the others
	$(BIN)/pytest -m slow --numprocesses 2 --dist loadfile

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
	$(BIN)/kreproduce bench baseline v2-32ch v2-32ch:naive --training
	$(BIN)/kreproduce bench baseline v2-16ch v2-32ch --inference --batch 1
	$(BIN)/kreproduce bench baseline v2-16ch v2-32ch --inference --batch 32
	$(BIN)/kreproduce bench --table
	$(BIN)/kreproduce bench --memory --batch 16
	$(BIN)/kreproduce bench --start-up --repeats 7

WAYS := v2-32ch v2-32ch:dense v2-32ch:per_group v2-32ch:native
bench-gpu: $(VENV)/ready      ## measure this GPU
	@nvidia-smi --list-gpus || { echo "there is no NVIDIA GPU to measure"; exit 2; }
	$(BIN)/kreproduce bench baseline $(WAYS) --training --batch 64 --precision mixed_bfloat16
	$(BIN)/kreproduce bench baseline $(WAYS) --training --batch 64 --precision mixed_float16
	$(BIN)/kreproduce bench v2-32ch --at-once 1,2,4 --batch 64 --precision mixed_bfloat16

tables: $(VENV)/ready         ## write results/tables and results/claims from the paper and the records
	$(BIN)/kreproduce table all --write
	$(BIN)/kreproduce claims --write
	$(BIN)/kreproduce plot frontier

table-%: $(VENV)/ready        ## make table-5
	$(BIN)/kreproduce table $*

audit: $(VENV)/ready          ## recompute what the paper states
	$(BIN)/kreproduce audit

check-tables: tables          ## fails if results/tables or results/claims is not what the records give
	@git diff --exit-code --stat -- results/tables results/claims
	@test -z "$$(git status --porcelain -- results/tables results/claims)"

sweep-%: $(VENV)/ready        ## make sweep-5 SWEEP="--jobs 2": train the missing rows of a table
	$(BIN)/kreproduce sweep $* $(SWEEP)

$(VENV)/ready: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "kreproduce needs Python 3.11 or 3.12; install one, or name it: make PYTHON=/path/to/python3.12"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
