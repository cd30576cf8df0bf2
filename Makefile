# Every target sets up what it needs: a clean clone and `make demo` are enough.
# ARGS passes options on: `make demo ARGS="--speed 20"`, `make test-only ARGS="tests/unit -k cap"`.

PYTHON ?= python3
ARGS   ?=
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/.installed-run
DEV    := $(VENV)/.installed-dev
BENCH  := $(VENV)/.installed-bench
# tests wait about as long as they compute: two for each of the two cores that CI has
JOBS   ?= 4
PYTEST := -m pytest

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## what there is to run (this list)
	@printf '\n  \033[1mflash-auction\033[0m\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[36mmake %-12s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\n  Options go through ARGS: make demo ARGS="--speed 20"\n\n'

.PHONY: setup
setup: $(DEV) ## make .venv and install everything, to the versions of constraints.txt

.PHONY: setup-run
setup-run: $(RUN) ## make .venv and install only what running needs

# pip comes first, at its own pinned version: older ones cannot pin what a package is built with. Whatever has no wheel is
# built in an environment of its own, to the same pins, so nothing depends on what happens to be installed or cached.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --build-constraint constraints.txt

$(VENV)/.pip: constraints.txt
	@echo "setting up $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; PYTHON=$(PYTHON) is older: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pip
	@touch $@

$(RUN): $(VENV)/.pip pyproject.toml
	@$(PIP_INSTALL) -e .
	@touch $@

$(DEV): $(VENV)/.pip pyproject.toml
	@$(PIP_INSTALL) -e '.[test,lint,load]'
	@touch $(RUN) $@

$(BENCH): $(DEV)
	@$(PIP_INSTALL) -e '.[bench]'
	@touch $@

.PHONY: demo
demo: setup-run ## an auction on this machine until Ctrl-C: servers, a sale of four lots, bots, pages
	@$(BIN)/auction demo $(ARGS)

.PHONY: serve
serve: setup-run ## the real thing, on configured servers (AUCTION_REDIS_URL, AUCTION_DATABASE_URL) or embedded ones
	@$(BIN)/auction serve $(ARGS)

.PHONY: debug
debug: setup ## servers up, everything in one process: breakpoint() works, a change of the code restarts it
	@$(BIN)/python -m api.debug $(ARGS)

# pytest's summary is the last line of a good run, so the floor speaks only when something is under it.
.PHONY: test
test: lint ## lint, then every test but the slow ones, then the coverage floor
	@$(BIN)/python $(PYTEST) -n $(JOBS) -m "not slow" --cov --cov-report= $(ARGS)
	@$(MAKE) floor

# The rules and the ledger decide about money: every branch of them is run by a test.
FLOOR := auction/domain/*,auction/ledger/*

.PHONY: floor
floor:
	@report=$$($(BIN)/python -m coverage report --include='$(FLOOR)' --fail-under=100) \
	  || { printf '%s\n\nEvery branch of %s must be run by a test.\n' "$$report" '$(FLOOR)' >&2; exit 1; }

.PHONY: test-only
test-only: setup ## tests without lint or floor: make test-only ARGS="tests/unit -k cap"
	@$(BIN)/python -m pytest -m "not slow" $(ARGS)

.PHONY: chaos
chaos: setup ## the slow lane: faults, long random runs, mutations that must be caught
	@$(BIN)/python -m pytest tests/unit -n $(JOBS) --hypothesis-profile=thorough --timeout=3600
	@$(BIN)/python -m pytest -m slow --timeout=3600 $(ARGS)

.PHONY: lint
lint: setup ## formatting, ruff, mypy --strict, the direction of imports; Biome for scripts and styles
	@$(BIN)/ruff format --check --output-format concise . || { echo "not formatted: run 'make format'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@report=$$($(BIN)/lint-imports --no-cache 2>&1) || { printf '%s\n' "$$report" >&2; exit 1; }
	@test -x $(BIN)/biome || { echo "scripts and styles not checked: Biome has no wheel for this machine" >&2; exit 0; }; \
	  report=$$($(BIN)/biome check --error-on-warnings --colors=off 2>&1) \
	  || { printf '%s\n' "$$report" "format: run 'make format'" >&2; exit 1; }

.PHONY: format
format: setup ## put the code in form
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .
	@test ! -x $(BIN)/biome || $(BIN)/biome check --write --linter-enabled=false --log-level=error

.PHONY: bench
bench: $(BENCH) ## benchmarks beside their floors on this machine, into docs/performance.md: make bench ARGS="http growth"
	@$(BIN)/python -m loadtests.bench $(ARGS)

.PHONY: load
load: setup ## a minute of bidders and watchers against embedded servers, then the record is verified
	@$(BIN)/python -m loadtests $(ARGS)

.PHONY: constraints
constraints: setup ## write the installed versions to constraints.txt
	@sed -n '/^#/p' constraints.txt > constraints.new
	@$(BIN)/python -m pip freeze --all --exclude flash-auction --exclude-editable >> constraints.new
	@mv constraints.new constraints.txt

.PHONY: clean
clean: ## remove what was built (not ./var, where auctions live)
	@rm -rf $(VENV) build dist .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
