# Two commands set everything up: `make demo` and `make test`. They need Python 3.11+ and nothing else.

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11 python,\
	$(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
TORCH := torch==2.13.0

.PHONY: demo test bench soak docs clean

demo: $(VENV)/.core
	$(BIN)/imagegen run manifests/quickstart.yaml

test: $(VENV)/.dev
	ci/apt.sh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -n 2 --dist worksteal

bench: $(VENV)/.dev
	$(BIN)/python -m bench.startup
	$(BIN)/python -m bench.throughput
	$(BIN)/python -m bench.throughput --latency 2 --workers 256 --turns 1
	$(BIN)/python -m bench.estimate
	$(BIN)/python -m bench.second_run
	$(BIN)/python -m bench.memory
	$(BIN)/python -m bench.limits
	$(BIN)/python -m bench.local_plan
	$(BIN)/python -m bench.local_engine
	$(BIN)/python -m bench.local_writers

soak: $(VENV)/.dev
	IMAGEGEN_SOAK=1 $(BIN)/pytest -m soak --timeout 7200

docs: $(VENV)/.dev
	$(BIN)/pytest tests/test_docs.py

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "imagegen needs Python 3.11 or newer; none was found"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.core: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

# torch before the rest, by its exact version: what else is found for it on Linux may bring gigabytes for a GPU.
$(VENV)/.local: $(VENV)/.core pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local]'
	@touch $@

$(VENV)/.dev: $(VENV)/.local pyproject.toml requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) out dist .pytest_cache .mypy_cache .ruff_cache
