# Two commands matter: `make demo` and `make test`. Each sets up what it needs, once.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_RUNTIME_PACKAGE_CACHE := enabled
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1

.PHONY: help setup demo test check bench lock synth clean

help:  ## Show this help.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: .venv/.ready node_modules/.ready  ## Install everything into this checkout, once.

.venv/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Storage First needs Python 3.11 or newer; {sys.executable} is {v[0]}.{v[1]}. Run: make PYTHON=/path/to/python3.11 <target>")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

node_modules/.ready: package.json package-lock.json .venv/.ready
	$(BIN)/npm ci --no-audit --no-fund --loglevel=error
	@touch $@

demo: setup  ## Deploy the sample to the local cloud and tell its story.
	$(BIN)/storage-first demo

test: setup  ## Everything that CI runs.
	$(BIN)/python scripts/run_tests.py

check: setup  ## Only the static checks.
	$(BIN)/python scripts/run_tests.py --static

bench: setup  ## Measure speed, as ratios within one run.
	$(BIN)/python scripts/bench.py

synth: setup  ## Synthesize the sample to cdk.out.
	node_modules/.bin/cdk synth --quiet

lock: setup  ## Refresh constraints.txt and package-lock.json from the bounds.
	$(BIN)/python -m pip install --quiet 'uv>=0.9,<1'
	$(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.11 --all-extras pyproject.toml \
		--no-header --no-annotate --no-emit-index-url --output-file constraints.txt
	$(BIN)/npm install --package-lock-only --no-audit --no-fund --loglevel=error

clean:  ## Remove everything that make installed or built.
	rm -rf .venv node_modules cdk.out dist build .pytest_cache .mypy_cache .ruff_cache
