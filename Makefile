.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
# What is compiled once is compiled for the hundreds of processes that tests start.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: $(STAMP) ## make .venv with everything that is locked

$(STAMP): requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --no-deps -e .
	@touch $(STAMP)

demo: setup ## the Kiro night, on a stand-in account: unguarded, through Keyturn, and taken back
	@$(BIN)/python -m demo.play

run: setup ## start gateway and console from your configuration
	$(BIN)/keyturn up

test: setup ## all tests but the long ones
	$(BIN)/pytest -n 2 -m "not slow"

test-all: setup clients ## the long ones too
	KEYTURN_ALL=1 $(BIN)/pytest -n 2

clients: setup ## fetch other languages' clients, AWS's MCP servers and moto's own tests into ~/.cache/keyturn
	$(BIN)/python -m tools.clients

moto: clients ## moto's own tests through the gateway and direct: make moto SERVICES="kms sts"; all of them take some two hours
	$(BIN)/python -m tests.clients.moto_suite $(SERVICES)

check: lint ## what CI asks beside the tests
	$(BIN)/mypy

lint: setup ## ruff, without changing anything
	$(BIN)/ruff check
	$(BIN)/ruff format --check

fix: setup ## ruff, mending what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

sim: setup ## histories by seed: make sim COUNT=5000, or one of them: make sim SEED=37
	$(BIN)/python -m keyturn.testing.simulation $(if $(SEED),--seed $(SEED),--count $(or $(COUNT),2000))

fuzz: setup ## every reader of an agent's bytes, for a while: make fuzz SECONDS=60 SEED=7
	$(BIN)/python -m tools.fuzz --seconds $(or $(SECONDS),20) $(if $(SEED),--seed $(SEED))

golden: setup ## what is found and decided of every rule's cases: ACCEPT=1 writes it down
	$(if $(ACCEPT),KEYTURN_ACCEPT=1) $(BIN)/pytest tests/golden

bench: setup ## measure; writes bench/latest.json
	$(BIN)/python -m bench

catalogue: setup ## rebuild the wire table and the effect catalogue, and print what changed
	$(BIN)/python -m tools.catalogue

accuracy: setup ## the catalogue against what others say of AWS: make accuracy EXAMPLES=file.jsonl, ACCEPT=1 writes it down
	$(BIN)/python -m tools.accuracy $(if $(EXAMPLES),--examples $(EXAMPLES)) $(if $(ACCEPT),--accept)
	$(BIN)/python -m tools.accuracy.harm

docs: setup ## write docs/reference from the code
	$(BIN)/python -m tools.docs

check-readme: setup ## do what README and docs/start.md say, and compare what they show
	$(BIN)/python -m tools.docs.readme --night

lock: ## resolve the dependencies anew
	@test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile -q pyproject.toml --group dev --group catalogue --python-version 3.11 --universal --no-header --no-emit-index-url --generate-hashes -o requirements/dev.lock

.PHONY: help setup demo run test test-all clients moto check lint fix sim fuzz golden bench catalogue accuracy docs check-readme lock
