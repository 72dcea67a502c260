# Two commands set everything up: `make run` and `make test`. Each makes .venv and installs
# pinned versions when needed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
DEMO   := var/demo

.PHONY: run ask test check bench bench-memory seeds fuzz evidence kill-test record constraints clean help

help:
	@echo "make run    watch the desk trade a synthetic market on the embedded exchange"
	@echo "make ask    ask that desk why"
	@echo "make test   run the tests"
	@echo "make check  lint, types, import rules"
	@echo "make bench  measure speed"
	@echo "make bench-memory  measure the decision memory at 100,000 and 1,000,000 decisions"
	@echo "make fuzz   take 100,000 fuzzed model outputs through parser and gates, and"
	@echo "            100,000 texts through the search of decisions"
	@echo "make evidence  check right and wrong answers of the explainer, list what is missed"
	@echo "make kill-test  kill the desk at every crash point, 20 seeds each, both brains"
	@echo "make record  record a real model's replies anew (1.1 GB model, half an hour)"
	@echo "make seeds  run seeds 1-20 to the end, check every invariant, print their summaries"

run: $(VENV)/.installed
	@rm -rf $(DEMO)
	@$(BIN)/callwright run --venue paper --market synthetic:7 --step 6h --cycles 240 \
	  --interval 0.05 --no-dry-run --home $(DEMO) --log-dir $(DEMO)/logs

# The desk of "make run" answers without a model; callwright chat takes any question.
ask: $(VENV)/.installed
	@test -f $(DEMO)/desk.db || $(MAKE) --no-print-directory run
	@for question in "When did the risk engine last block you, and why?" \
	  "Why are you picking the 97k strike every time?" \
	  "How often did you roll in February, and what did it cost?" \
	  "What would you do if I had no BTC?"; do \
	  printf '\n> %s\n\n' "$$question"; \
	  $(BIN)/callwright chat "$$question" --no-llm --home $(DEMO) || exit 1; done

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

# Other sizes: make bench-memory SIZES="20000"
SIZES ?= 100000 1000000
bench-memory: $(VENV)/.installed-dev
	@$(BIN)/python -m bench.bench_memory $(SIZES)

seeds: $(VENV)/.installed
	@$(BIN)/callwright backtest --seeds 1-20 --step 6h --cycles 240

fuzz: $(VENV)/.installed-dev
	@$(BIN)/python scripts/fuzz.py
	@$(BIN)/python scripts/fuzz_search.py

# Right answers that must pass, wrong ones that must not; lists every miss.
evidence: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest tests/explain/test_mutations.py -s

kill-test: $(VENV)/.installed-dev
	@$(BIN)/python scripts/kill_test.py

# Real replies of a language model on this machine; MODEL=name records a hosted one's instead.
record: $(VENV)/.installed-dev
	@$(PIP) -e '.[local]'
	@$(BIN)/callwright local fetch --home var
	@$(BIN)/python scripts/record.py --home var

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
