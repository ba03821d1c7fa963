# Everything here sets up its own virtual environment: a fresh machine needs Python 3.11+ and make.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
WORKERS ?= 3

.PHONY: help demo test check bench bench-match bench-poll bench-alerts pictures format clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: $(VENV)/run ## the whole daemon on a small news site of its own; KEEP=1 goes on until Ctrl-C
	@$(BIN)/wirewatch demo $(if $(KEEP),--keep)

test: $(VENV)/dev ## all tests
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadgroup $(ARGS)

check: $(VENV)/dev ## style, types, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev ## what we claim about speed, measured here
	@$(BIN)/python -m bench --quick $(ARGS)

bench-match: $(VENV)/dev ## how fast rules are matched, up to 100,000 of them (takes minutes)
	@$(BIN)/python -m bench match $(ARGS)

bench-poll: $(VENV)/bench ## how politely, cheaply and fast feeds are polled: a month, 200 feeds, 10,000 feeds
	@$(BIN)/python -m bench poll $(ARGS)

bench-alerts: $(VENV)/dev ## how soon alerts go out, how many a second, and after an outage
	@$(BIN)/python -m bench alerts $(ARGS)

pictures: $(VENV)/run ## of alerts, for the docs; needs chromium and pngquant
	@$(BIN)/python docs/pictures/make.py

format: $(VENV)/dev ## mend the style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## forget the virtual environment and the caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/pip:
	@test -n "$(PYTHON)" || { echo "wirewatch needs Python 3.11 or later with its venv module (Debian: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "installing wirewatch into $(VENV), once"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/dev: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "installing wirewatch and its tools into $(VENV), once"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/run

$(VENV)/bench: pyproject.toml constraints.txt | $(VENV)/dev
	@echo "installing what the benchmark compares with into $(VENV), once"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	@touch $@
