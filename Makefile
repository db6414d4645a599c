# `make demo` opens the demo, `make test` runs every check. Both create .venv on the first run.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup demo test lint typecheck unit lock format clean

help:
	@echo 'make demo    create .venv, install, open the demo in a browser'
	@echo 'make test    create .venv, install, run ruff, import-linter, mypy and pytest'
	@echo 'make setup   create .venv and install only'
	@echo 'make lock    write requirements.lock anew (needs uv)'
	@echo 'make format  let ruff format and mend the code'
	@echo 'make clean   remove .venv and the caches'

setup: $(STAMP)

# Installed again only when pyproject.toml has changed since.
$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo 'Installing into $(VENV) (a few minutes the first time)'
	@$(BIN)/python -m pip install -qq -e '.[test]'
	@touch $@

demo: $(STAMP)
	$(BIN)/python app.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

typecheck: $(STAMP)
	$(BIN)/mypy

# A process a core; a file's tests stay together, and with them its servers and databases.
unit: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile

# -k: one run shows what every check has to say, and fails if any of them did.
test: $(STAMP)
	@$(MAKE) --no-print-directory -k lint typecheck unit

# Every dependency of the container at one version, each file of it by its SHA-256.
lock:
	uv pip compile pyproject.toml --extra demo --extra leaderboard --extra hosting \
		--extra postgres --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
		--torch-backend cpu --generate-hashes --no-annotate --no-emit-index-url --upgrade \
		--custom-compile-command 'make lock' -o requirements.lock

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
