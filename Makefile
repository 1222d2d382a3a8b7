# What a person does with this repository. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PROTO := $(wildcard proto/city/screening/v1/*.proto)
STUBS := clients/python
PROTOC := $(BIN)/python -m grpc_tools.protoc --proto_path=proto --proto_path=proto/third_party
export PIP_DISABLE_PIP_VERSION_CHECK = 1

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(READY): requirements/dev.txt pyproject.toml clients/python/pyproject.toml
	deploy/venv.sh $(PYTHON) $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements/dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable clients/python --editable .
	touch $@

setup: $(READY) ## Make the virtual environment with pinned requirements

demo: $(READY) ## Start the service, screen the sample inputs, show a trace, verify the log, stop
	$(BIN)/screening demo

demo-ops: $(READY) ## Start the service under Prometheus, send a minute of traffic, show trace, alerts and numbers
	$(BIN)/python -m deploy.demo_ops

run: $(READY) ## Start the service on 127.0.0.1:50051 with its data in ./data
	$(BIN)/screening serve --listen 127.0.0.1:50051 --data ./data

test: $(READY) ## Run the tests
	$(BIN)/pytest --numprocesses=4 $(T)

.PHONY: fuzz
fuzz: $(READY) ## Fuzz files, forms, tokens and messages: a million executions, begun where it was stopped
	$(BIN)/python -m tests.fuzz $(FUZZ)

check: $(READY) lint type proto-check docs-check ## Run everything else that CI runs

lint: $(READY) ## Check style, API rules and import direction
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	cd proto && ../$(BIN)/buf lint && ../$(BIN)/buf format --diff --exit-code
	mkdir -p build && cd proto && ../$(BIN)/buf build --output ../build/api.binpb
	cd proto && ../$(BIN)/buf breaking ../build/api.binpb --against baseline.binpb \
	  --config '{"version": "v2", "breaking": {"use": ["FILE"]}}'

type: $(READY) ## Check types
	$(BIN)/mypy

fmt: $(READY) ## Format code and API
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cd proto && ../$(BIN)/buf format --write

proto: $(READY) ## Generate the stubs
	mkdir -p $(STUBS)
	$(PROTOC) --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy \
	  --python_out=$(STUBS) --mypy_out=quiet:$(STUBS) $(PROTO)
	$(PROTOC) --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
	  --grpc_python_out=$(STUBS) --mypy_grpc_out=quiet:$(STUBS) $(filter %_service.proto,$(PROTO))

proto-check: $(READY) ## Check that the committed stubs are those of the API
	rm -rf build/stubs && $(MAKE) --no-print-directory proto STUBS=build/stubs
	diff -r -x __init__.py -x py.typed -x __pycache__ build/stubs/city clients/python/city

docs-check: $(READY) ## Run the commands of the README
	$(BIN)/python tests/readme.py

dashboards: $(READY) ## Write the Grafana dashboards from deploy/dashboards.py
	$(BIN)/python -m deploy.dashboards

laws: $(READY) ## Check the law files, run their cases, prove the invariants (minutes)
	$(BIN)/screening laws check
	$(BIN)/screening laws test --coverage
	$(BIN)/screening laws test tests/cases/scenarios.jsonl
	$(BIN)/screening laws prove --pack la_city --since 2024-12-09
	for pack in service/screening/laws/packs/*.yaml; do \
	  $(BIN)/screening laws prove --pack $$(basename $$pack .yaml) || exit 1; done

.PHONY: mutants
mutants: $(READY) ## Make every rule wrong in small ways, name what no case notices, and publish the figures (minutes)
	$(BIN)/screening laws mutants tests/cases/*.test.yaml tests/cases/scenarios.jsonl \
	  --survivors tests/cases/survivors.txt --readme service/screening/laws/README.md

names-report: $(READY) ## Measure name matching and write its report, picture and the figures that CI holds
	$(BIN)/python -m bench.names

.PHONY: names-hard
names-hard: $(READY) ## Look 100,000 hard names up: any of Unicode, token-rich, longest; none raises or is compared with too many
	$(BIN)/python -m bench.names --hard

bench: $(READY) ## Measure the service against an echo server in the same run
	$(BIN)/python -m bench

overload: $(READY) ## Measure what is left of the useful rate at three times what saturates the service
	$(BIN)/python -m bench.overload

log-kills: $(READY) ## End the log at every single write, killed or failed, and 200 times at random; the tests take a sample
	LOG_KILLS_EVERY=1 LOG_RANDOM_KILLS=200 $(BIN)/pytest --numprocesses=2 --timeout=3600 tests/failure/test_kills.py

log-restarts: $(READY) ## Restart the log a thousand times on each engine and count false alarms; the tests take a sample
	LOG_RESTARTS=1000 $(BIN)/pytest --timeout=3600 tests/failure/test_restarts.py

log-big: $(READY) ## Measure the decision log with a million records: appends, verification, proofs, bytes
	$(BIN)/python -m bench.big_log

baseline: $(READY) ## Accept the API of today as the one not to break
	cd proto && ../$(BIN)/buf build --output baseline.binpb

supply-chain: $(READY) ## Write the bill of materials and the licences to build/, and look for known vulnerabilities
	deploy/supply_chain.sh $(BIN) build/supply-chain

.PHONY: soak assurance
soak: $(READY) ## Ten minutes at four fifths of capacity on each store of the log, with faults
	$(BIN)/python -m tests.soak

assurance: $(READY) ## Run the long proofs, or those of PART="soak fuzz", and write deploy/ASSURANCE.md (hours)
	$(BIN)/python -m deploy.assurance $(foreach part,$(PART),--only $(part)) $(ASSURANCE)

lock: $(BIN)/uv ## Pin the requirements anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-package screening-client pyproject.toml -o requirements/runtime.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-package screening-client --group dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --group build -o requirements/build.txt

$(BIN)/uv: # pinning must work while the pinned requirements cannot be installed, so this does not ask for setup
	deploy/venv.sh $(PYTHON) $(VENV) && $(BIN)/pip install --quiet uv

clean: ## Remove what was built
	rm -rf $(VENV) build data data-anchor .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: help setup demo demo-ops run test check lint type fmt proto proto-check docs-check dashboards laws bench overload baseline supply-chain lock clean log-kills log-restarts log-big names-report
