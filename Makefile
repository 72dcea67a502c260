# Two commands set everything up: `make run` and `make test`. Each makes .venv and installs
# pinned versions when needed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
DEMO   := var/demo

.PHONY: run test check bench seeds fuzz kill-test constraints clean help

help:
	@echo "make run    watch the desk trade a synthetic market on the embedded exchange"
	@echo "make test   run the tests"
	@echo "make check  lint, types, import rules"
	@echo "make bench  measure speed"
	@echo "make fuzz   take 100,000 fuzzed model outputs through parser and gates"
	@echo "make kill-test  kill the desk at every crash point, 20 seeds each, both brains"
	@echo "make seeds  run seeds 1-20 to the end, check every invariant, print their summaries"

run: $(VENV)/.installed
	@rm -rf $(DEMO)
	@$(BIN)/callwright run --venue paper --market synthetic:7 --step 6h --cycles 240 \
	  --interval 0.05 --no-dry-run --home $(DEMO) --log-dir $(DEMO)/logs

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n auto --dist worksteal

check: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@MYPYPATH=src:tests $(BIN)/mypy bench scripts
	@cd tests && MYPYPATH=../src $(abspath $(BIN))/mypy --config-file ../pyproject.toml .
	@$(BIN)/python -m pytest tests/test_import_rules.py

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m bench

seeds: $(VENV)/.installed
	@$(BIN)/callwright backtest --seeds 1-20 --step 6h --cycles 240

fuzz: $(VENV)/.installed-dev
	@$(BIN)/python scripts/fuzz.py

kill-test: $(VENV)/.installed-dev
	@$(BIN)/python scripts/kill_test.py

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "callwright needs Python 3.11 or newer: make PYTHON=python3.11 run")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing callwright into $(VENV) (once) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing the test tools into $(VENV) (once) ..."
	@$(PIP) -e '.[dev]'
	@touch $@

# Take the newest versions that pyproject.toml allows, and pin them.
constraints:
	@rm -rf build/pins && $(PYTHON) -m venv build/pins
	@build/pins/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@{ echo "# Versions that make run and make test install; regenerate with: make constraints"; \
	  build/pins/bin/python -m pip freeze --all --exclude-editable --exclude pip --exclude wheel \
	  | grep -v '@'; } > constraints.txt

clean:
	rm -rf $(VENV) build dist *.egg-info src/*.egg-info $(DEMO)
