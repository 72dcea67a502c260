# Two commands set everything up: `make run` and `make test`. Each makes .venv and installs
# pinned versions when needed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
DEMO   := var/demo
RULES  := var/rules

.PHONY: run rules ask test check bench bench-memory seeds fuzz evidence kill-test record constraints clean help

help:
	@echo "make run    watch a recorded language model run the desk on a synthetic market"
	@echo "make rules  watch the rules run it for 60 days, on the same market"
	@echo "make ask    ask the desk of make rules why"
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

# The replies of a real model, recorded (docs/recorded.md): no key, nobody is asked.
run: $(VENV)/.installed
	@rm -rf $(DEMO)
	@$(BIN)/callwright run --brain recorded --venue paper --market synthetic:7 --step 12h \
	  --cycles 24 --interval 0.5 --no-dry-run --home $(DEMO) --log-dir $(DEMO)/logs
	@for question in "When did you last sell a call?" \
	  "Show decision 13. Why was it made?"; do \
	  printf '\n> %s\n\n' "$$question"; \
	  $(BIN)/callwright chat "$$question" --recorded --home $(DEMO) || exit 1; done
	@echo
	@echo "What next"
	@echo "  make ask                  the rules on the same market for 60 days, and why"
	@echo "  . $(BIN)/activate"
	@echo "  callwright chat \"...\" --home $(DEMO)    ask this desk anything, without a model"
	@echo "Live, with a key:"
	@echo "  echo 'OPENAI_API_KEY=...' >> .env && chmod 600 .env"
	@echo "  callwright run --brain llm --cycles 3 --interval 1 --home var/llm"
	@echo "Live, without a key, with the recorded model on this machine (1.1 GB):"
	@echo "  pip install -e '.[local]' && callwright local fetch"
	@echo "  callwright local serve    prints the settings with which a desk uses it"

rules: $(VENV)/.installed
	@rm -rf $(RULES)
	@$(BIN)/callwright run --brain rules --venue paper --market synthetic:7 --step 6h \
	  --cycles 240 --interval 0.05 --no-dry-run --home $(RULES) --log-dir $(RULES)/logs

# The desk of "make rules" answers without a model; callwright chat takes any question.
ask: $(VENV)/.installed
	@test -f $(RULES)/desk.db || $(MAKE) --no-print-directory rules
	@for question in "When did the risk engine last block you, and why?" \
	  "Why are you picking the 97k strike every time?" \
	  "How often did you roll in February, and what did it cost?" \
	  "What would you do if I had no BTC?"; do \
	  printf '\n> %s\n\n' "$$question"; \
	  $(BIN)/callwright chat "$$question" --no-llm --home $(RULES) || exit 1; done

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
	@$(BIN)/python scripts/record.py manager --home var
	@$(BIN)/python scripts/record.py chooser --home var
	@$(BIN)/python scripts/record.py explainer --home var
	@test -n "$(MODEL)" || $(BIN)/python scripts/record_demo.py --home var

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
	rm -rf $(VENV) build dist *.egg-info src/*.egg-info $(DEMO) $(RULES)
