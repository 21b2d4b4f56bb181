# Brings the project up on a bare machine. `make` lists what there is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

# Any Python from 3.11 on: `make demo PYTHON=/path/to/python3`. Without that, the first new enough
# one on PATH; when there is none, plain python3, whose refusal then says what is wrong.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c '$(NEW_ENOUGH)' 2>/dev/null && echo "$$name" && break; done)
PYTHON := $(if $(PYTHON),$(PYTHON),python3)
endif

# The suite runs in so many processes, each with a RabbitMQ of its own, the first with the given one.
# `make test JOBS=0` runs it in one.
JOBS ?= 2
SIDE_BY_SIDE := --numprocesses $(JOBS) --dist worksteal

BIN := .venv/bin
INSTALLED := .venv/.installed
PEER := .local/bench/.installed
DEVSTACK := $(BIN)/python -m devstack
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/python -m piptools compile --quiet \
	--generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(INSTALLED) ## everything once: servers, schema, sandbox, worker, one of every command, the books
	@$(DEVSTACK) run -- $(BIN)/ledger-worker demo

.PHONY: test
test: check ## everything needed to run the whole test suite, and runs it
	@$(DEVSTACK) run --for-tests -- $(BIN)/python -m pytest $(SIDE_BY_SIDE)

.PHONY: test-long
test-long: check ## the same with the tests that take minutes; SEEDS=… MINUTES=… are passed on
	@$(DEVSTACK) run --for-tests -- $(BIN)/python -m pytest -m "long or not long"

.PHONY: check
check: $(INSTALLED) ## lint, format, types, the contract's documents
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/ledger-worker schemas export --check

.PHONY: bench
bench: $(INSTALLED) $(PEER) ## measures the worker on this machine, beside a plain one
	@$(DEVSTACK) run -- $(BIN)/python -m benchmarks

.PHONY: up
up: $(INSTALLED) ## starts PostgreSQL and RabbitMQ and keeps them, data too; prints the two settings
	@$(DEVSTACK) up

.PHONY: down
down: $(INSTALLED) ## stops what `make up` started; the data stays
	@$(DEVSTACK) down

.PHONY: lock
lock: $(INSTALLED) ## remakes requirements.txt and requirements-dev.txt; UPGRADE=1 takes newest versions
	@$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements.txt pyproject.toml
	@$(LOCK) $(if $(UPGRADE),--upgrade) --constraint requirements.txt --extra dev \
		--output-file requirements-dev.txt pyproject.toml
	@$(LOCK) $(if $(UPGRADE),--upgrade) --constraint requirements.txt \
		--output-file benchmarks/requirements.txt benchmarks/requirements.in

.PHONY: clean
clean: ## stops and removes everything that make made here, the data of `make up` too
	@$(PYTHON) -m devstack down --delete
	@rm -rf .venv .local .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

# What a person exports (SEEDS and MINUTES too) reaches the tests unchanged.
export SEEDS MINUTES

# The worker that ours is compared to asks for versions of its own.
$(PEER): benchmarks/requirements.txt | $(INSTALLED)
	@$(BIN)/python -m venv .local/bench
	@.local/bench/bin/python -m pip install --quiet --require-hashes -r benchmarks/requirements.txt
	@touch $(PEER)

$(INSTALLED): requirements-dev.txt pyproject.toml
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' 2>/dev/null || { \
		echo "Python 3.11 or later is needed; '$(PYTHON)' is not. Try: make PYTHON=/path/to/python3" >&2; \
		exit 2; }
	@"$(PYTHON)" -m devstack.venv
