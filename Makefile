# The playground's commands; `make` alone lists them.

PORT ?= 7860
FREE_MB := 4200
VENV := .venv
PY := $(VENV)/bin/python
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder  # a file's tests share their fixtures on one worker

export GRADIO_ANALYTICS_ENABLED ?= False
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

.DEFAULT_GOAL := help
.PHONY: help run install test test-fast check bench clean chromium

help:  ## list these commands
	@sed -nE 's/^([a-z-]+):[^#]*## /make \1\t/p' Makefile | expand -t 18

run: install  ## set up what is missing and open the playground on http://127.0.0.1:7860
	@echo "Starting the playground on http://$${HOST:-127.0.0.1}:$(PORT) (Ctrl-C ends it)"
	@PORT=$(PORT) exec $(PY) app.py

install: $(VENV)/.models  ## set up alone: the environment in .venv and the models
	@echo "The environment and the models are ready."

test: install $(VENV)/.testing chromium  ## run every test, with the real models and a real browser
	@$(PY) -m pytest $(PARALLEL) --durations=25

test-fast: $(VENV)/.testing  ## run the tests that need neither the real models nor a browser
	@$(PY) -m pytest $(PARALLEL) -m "not slow"

check: $(VENV)/.testing  ## check style, types and the direction of imports
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(if $(NAME),install $(VENV)/.benching)  ## list the benchmarks; `make bench NAME=speed` runs one, ARGS="…" goes to it
ifdef NAME
	@$(PY) -m benchmarks.$(NAME) $(ARGS)
else
	@echo "Run one with: make bench NAME=…"
	@for file in benchmarks/[!_]*.py; do printf '  %-20s %s\n' "$$(basename $$file .py)" "$$(sed -n '1s/"""//gp' $$file)"; done
endif

clean:  ## remove the environment and all caches; .data, with visitors' work and the models, stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the steps behind them; each leaves a mark in .venv, so that the next start skips it ---

$(PY):
	@for python in $(or $(PYTHON),python3.12 python3.11 python3.10 python3); do \
	    if "$$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then \
	        echo "[1/3] Making $(VENV) with $$("$$python" --version)"; \
	        "$$python" -m venv $(VENV) && exit 0; \
	        rm -rf $(VENV); \
	        echo "$$python could not make it. On Debian: apt-get install python3-venv"; exit 1; \
	    fi; \
	done; \
	echo "No Python 3.10, 3.11 or 3.12 was found as $(or $(PYTHON),python3.12, python3.11, python3.10 or python3). Install one, or name it: make install PYTHON=/path/to/python3"; exit 1

$(VENV)/.packages: requirements.txt | $(PY)
	@free=$$(df -Pk . | awk 'NR == 2 {print int($$4 / 1024)}'); \
	if [ ! -e $@ ] && [ "$$free" -lt $(FREE_MB) ]; then \
	    echo "Only $$free MB are free here and the packages with the models need $(FREE_MB) MB. Make room first."; exit 1; \
	fi
	@echo "[2/3] Installing the packages of requirements.txt (some minutes the first time)"
	@$(PY) -m pip install -r requirements.txt || { \
	    echo "The packages could not be installed: pip says why above. Check the connection and the free space (df -h .),"; \
	    echo "then run the same command again: what is done stays done. If $(VENV) itself is broken: make clean"; exit 1; }
	@touch $@

$(VENV)/.models: $(VENV)/.packages
	@echo "[3/3] Bringing the models"
	@$(PY) -m playground.models.install
	@touch $@

$(VENV)/.testing: tests/requirements.txt $(VENV)/.packages
	@echo "Installing what testing and checking need"
	@$(PY) -m pip install -r tests/requirements.txt || { \
	    echo "pip says why above. Check the connection, then run the same command again."; exit 1; }
	@touch $@

$(VENV)/.benching: benchmarks/requirements.txt $(VENV)/.packages
	@$(PY) -m pip install -r benchmarks/requirements.txt || { \
	    echo "pip says why above. Check the connection, then run the same command again."; exit 1; }
	@touch $@

chromium:
	@if command -v chromium >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests"; \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends chromium; \
	else \
	    echo "The browser tests need the command chromium. Install it (Debian: sudo apt-get install chromium),"; \
	    echo "or run the tests that do without: make test-fast"; exit 1; \
	fi
