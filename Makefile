# The one entrance. Needs Python 3.11 or newer, git and make; everything else goes into .venv.
PYTHON ?= python3
CHROMIUM ?= chromium
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help setup demo test pipelines answers boundaries crash faults races fuzz schemathesis fleet mutants az clients browser azure-facts bicep wheel release lint bench record reference picture lock clean

help: ## show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.stamp ## install dpsops and its tools into .venv

.venv/.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("dpsops needs Python 3.11 or newer: make PYTHON=python3.12 setup" if sys.version_info < (3, 11) else 0)'
	@echo "Installing into .venv (a minute or two, once)"
	@$(PYTHON) -m venv .venv
	@$(PIP) install --no-deps --require-hashes -r requirements.lock  # the lock is complete: nothing is resolved anew
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## from nothing to a device that registers and moves to a new root, on the embedded Azure
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/demo.sh

test: setup ## run the tests, with coverage
	@$(BIN)/python -m pytest --cov --numprocesses 2 --dist worksteal

pipelines: setup ## run each pipeline job by job on the embedded Azure, from two repositories: takes some minutes
	@DPSOPS_TEST_PIPELINES=all $(BIN)/python -m pytest tests/pipelines

answers: setup ## give every command answers of another shape, at every place: takes an hour
	@DPSOPS_TEST_ANSWERS=all $(BIN)/python -m pytest --numprocesses 2 --dist worksteal tests/workflows/test_answers.py

fuzz: setup ## give dpsops and the embedded Azure what nobody should, each time something else, after the seed that it prints: takes an hour
	@export DPSOPS_TEST_FUZZ=$${DPSOPS_TEST_FUZZ:-100} DPSOPS_TEST_SEED=$${DPSOPS_TEST_SEED:-$$(date +%s)}; \
		echo "the same again: DPSOPS_TEST_SEED=$$DPSOPS_TEST_SEED DPSOPS_TEST_FUZZ=$$DPSOPS_TEST_FUZZ make fuzz"; \
		$(BIN)/python -m pytest --numprocesses 2 tests/fuzz

schemathesis: setup .venv-schemathesis/.stamp ## ask the embedded Azure whatever Azure's OpenAPI files describe, and more: takes half an hour
	@DPSOPS_TEST_SCHEMATHESIS="$(CURDIR)/.venv-schemathesis/bin/schemathesis" $(BIN)/python -m pytest tests/schemathesis

.venv-schemathesis/.stamp: tests/schemathesis/requirements.txt
	@echo "Installing Schemathesis into .venv-schemathesis (some seconds, once)"
	@$(PYTHON) -m venv .venv-schemathesis
	@.venv-schemathesis/bin/python -m pip --disable-pip-version-check --quiet install --requirement $<
	@touch $@

crash: setup ## kill every command at every request, and say the same words again: takes half an hour
	@$(BIN)/python -m tests.crash.run

races: setup ## run every two commands that change something at once; ARGUMENTS="--offsets 20": at more places
	@$(BIN)/python -m tests.matrices.races $(ARGUMENTS)

faults: setup ## run every command among faults of every kind, and again until it ends well; ARGUMENTS="--seed 2": others
	@$(BIN)/python -m tests.matrices.faults $(ARGUMENTS)

fleet: setup ## issue to 5,000 devices, killed three times, and rotate 1,000 that register all the time: takes a minute
	@$(BIN)/python -m tests.fleet_load.run

boundaries: setup ## kill, and run beside each other, commands at every boundary between two requests; make test tries every eighth
	@DPSOPS_TEST_BOUNDARIES=all $(BIN)/python -m pytest --numprocesses 2 --dist worksteal tests/workflows -k "boundary or once or kill or first or beside or says_is_so or role_is_named"

mutants: setup ## put one fault after the other into the embedded Azure: the conformance suite must notice
	@$(BIN)/python -m tests.mutants.run

az: setup .venv-az/.stamp ## drive the embedded Azure with Microsoft's Azure CLI, which it installs into .venv-az
	@DPSOPS_TEST_AZ="$(CURDIR)/.venv-az/bin/az" $(BIN)/python -m pytest tests/az

.venv-az/.stamp: tests/az/requirements.txt
	@echo "Installing the Azure CLI into .venv-az (700 MB, a minute or two, once)"
	@$(PYTHON) -m venv .venv-az
	@.venv-az/bin/python -m pip --disable-pip-version-check --quiet install --requirement $<
	@touch $@

clients: setup ## drive the embedded Azure with clients of Python, Node, Java and Go that nobody here wrote, installed into .clients; Linux
	@$(BIN)/python -m tests.clients.run $(or $(ARGUMENTS),--write)
	@$(BIN)/python -m tests.clients.page

browser: setup ## show the report in a headless Chromium: CHROMIUM=/usr/bin/chromium, as Debian and Ubuntu have it
	@command -v "$(CHROMIUM)" >/dev/null || { echo "make browser needs a Chromium: apt-get install chromium, or CHROMIUM=PROGRAM" >&2; exit 1; }
	@DPSOPS_TEST_CHROMIUM="$(CHROMIUM)" $(BIN)/python -m pytest tests/browser

azure-facts: setup ## find out on a real subscription what nobody has seen yet, for a few euros; says so, and asks first
	@$(BIN)/python -m azure_facts $(ARGUMENTS)

bicep: ## hold bicep/ against Bicep's own compiler, of one version; needs jq, and that version or the Azure CLI
	@.ci/bicep

wheel: setup ## build the wheel, and run it away from its source, with the newest dependencies
	@.ci/wheel

release: setup ## build what a release publishes into dist/: TAG=v1.2.3 make release
	@.ci/release

lint: setup ## check style, types, import layers, workflows and shell scripts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/zizmor --offline --no-progress --quiet --strict-collection --persona auditor action.yml .github
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions action.yml .github/actions/*/action.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/shellcheck .ci/* scripts/*.sh tests/states/make.sh
	@$(BIN)/python -m tests.pipelines.shell

bench: setup ## print how many requests and how much time the main jobs take
	@$(BIN)/python -m bench.bench

record: setup ## record the cassettes again, from the embedded Azure
	@DPSOPS_TEST_RECORD=1 $(BIN)/python -m pytest -m recorded tests/workflows

reference: setup ## write docs/reference from the code
	@$(BIN)/python -m reference

picture: setup ## draw docs/pictures from a real run
	@$(BIN)/python scripts/picture.py

lock: setup ## resolve the dependencies again, to their newest versions
	@$(PIP) install uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --extra dev \
		--no-emit-index-url --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --constraint requirements.lock \
		--no-emit-index-url --custom-compile-command "make lock" --output-file requirements-runtime.lock pyproject.toml

clean: ## remove all that make and the tests have made
	@rm -rf .venv .venv-az .venv-schemathesis .clients dist .coverage .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find azure_facts dpsops tests -name __pycache__ -type d -prune -exec rm -rf {} +
