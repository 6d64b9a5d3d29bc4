# `make demo` shows what simsearch does, `make test` checks it. Both first install into .venv what is missing.
PYTHON ?= python3
export PYTHON
# `make demo ARGS="..."` and `make bench ARGS="..."` hand further arguments on.
ARGS ?=

.PHONY: help demo test test-scale lint bench instructions venv clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s  %s\n", $$1, $$2 }' Makefile

demo: venv ## index a rendered catalog and search it by phone photos
	@.venv/bin/simsearch demo $(ARGS)

test: venv ## all checks: ruff, mypy --strict, pytest
	@scripts/check

test-scale: venv ## tests with PostgreSQL, Milvus and Ray, which scripts/scale/setup installs into .scale/ (as root)
	@scripts/debian && scripts/scale/setup && scripts/scale/test $(ARGS)

lint: venv ## the checks without the tests
	@scripts/check --lint

bench: venv ## measure speed on this machine
	@.venv/bin/python scripts/bench/pairs.py $(ARGS)

instructions: venv ## count the instructions of a query and compare them with the written figures; needs valgrind
	@PYTHONPATH=. .venv/bin/python scripts/bench/instructions.py $(ARGS)

# Phony on purpose: scripts/setup compares contents, not times, and is done in milliseconds when nothing has changed.
venv: ## set up .venv; another interpreter: make venv PYTHON=python3.12
	@scripts/setup

clean: ## remove .venv, caches and builds; no catalog, index or run
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find simsearch migrations scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +
