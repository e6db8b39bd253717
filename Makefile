# On a machine with Python 3.11 or 3.12 and make, every target sets itself up first.
VENV := .venv
BIN := $(VENV)/bin
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
PYTHON ?= $(firstword $(foreach python,python3 python3.12 python3.11,$(shell $(python) -c '$(FITS)' 2>/dev/null && echo $(python))))

.PHONY: run test test-slow lint format clean

run: $(VENV)/ready            ## a complete small experiment, offline, in a few minutes
	$(BIN)/kreproduce run digits

test: $(VENV)/ready           ## the fast tests
	$(BIN)/pytest --numprocesses 2 --dist loadfile

test-slow: $(VENV)/ready      ## the others
	$(BIN)/pytest -m slow

lint: $(VENV)/ready           ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/ready
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

$(VENV)/ready: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "kreproduce needs Python 3.11 or 3.12; install one, or name it: make PYTHON=/path/to/python3.12"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
