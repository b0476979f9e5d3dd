# What people and CI type. It needs python3 (3.11 or newer), make and a POSIX shell; the rest it installs here.

EMPTY =
SPACE = $(EMPTY) $(EMPTY)
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
ARGS ?=

# What is installed beside the runtime, for the operations that need it: EXTRAS="pictures data".
EXTRAS ?=

# The runtime alone, as it is deployed; and the runtime with the tools. A stamp tells when a lock has changed.
LOCKS = requirements.lock $(EXTRAS:%=requirements-%.lock)
RUNTIME = .venv/.installed$(subst $(SPACE),,$(EXTRAS:%=-%))
DEV = .venv-dev/.installed
BIN = .venv-dev/bin

.PHONY: help run test check format bench torture crash severed long fuzz mutants package deploy undeploy lock sbom audit clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: $(RUNTIME) ## serve on 127.0.0.1:8000; PORT=9000 HOST=0.0.0.0 ARGS="--workers 4 --reload"
	@exec .venv/bin/python -m app up --host "$(HOST)" --port "$(PORT)" $(ARGS)

# Tests that run side by side, each file's in one process. Engines and services start once in each.
SIDE_BY_SIDE ?= 2

test: $(DEV) ## run every test; ARGS="tests/room -k cancel"
	@$(BIN)/python -m pytest -n "$(SIDE_BY_SIDE)" --dist loadfile $(ARGS)

check: $(DEV) ## format, lint, types, and the rules of the house
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest --quiet tests/gates

format: $(DEV) ## lay the code out, and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

ONLY ?= http warm slow_clients records cost jobs

bench: $(DEV) ## run the measured comparisons in bench/; ONLY="http records"
	@for program in $(ONLY); do \
		echo "== $$program"; $(BIN)/python -m "bench.$$program" $(ARGS) || exit 1; \
	done

TIME ?= 180
SEED ?=

torture: $(DEV) ## break a real service under load in every way, and judge it; TIME=600 SEED=7
	@$(BIN)/python -m tests.torture --seconds "$(TIME)" $(if $(SEED),--seed "$(SEED)") $(ARGS)

long: $(DEV) ## kill jobs of 200 slices, make and cancel maps of 100,000: ten minutes; SEED=7
	@$(BIN)/python -m tests.long $(if $(SEED),--seed "$(SEED)") $(ARGS)

EVERY ?= 1

crash: $(DEV) ## break a life of jobs at each write of the store, and judge what is left; EVERY=30
	@$(BIN)/python -m tests.crash --every "$(EVERY)" $(ARGS)

severed: $(DEV) ## break a life of the service at each request to AWS, and judge what is left; EVERY=9
	@$(BIN)/python -m tests.severed --every "$(EVERY)" $(ARGS)

CASES ?= 300000
WIRE ?= 10000

fuzz: $(DEV) ## send hostile requests and events to every door, and judge what comes; CASES=5000 SEED=7
	@$(BIN)/python -m tests.hostile --cases "$(CASES)" --wire "$(WIRE)" $(if $(SEED),--seed "$(SEED)") $(ARGS)

mutants: $(DEV) ## put small bugs into copies of the code, one each, and see whether tests catch them; ARGS="fence tick"
	@$(BIN)/python -m tests.mutants $(ARGS)

STAGE ?= dev

# Zappa packages the environment that is active. It imports pip, and that is warned about. It does not read
# AWS_REGION, which comes first elsewhere.
ZAPPA = $(if $(AWS_REGION),AWS_DEFAULT_REGION="$(AWS_REGION)") PYTHONWARNINGS=ignore::UserWarning:_distutils_hack VIRTUAL_ENV="$(CURDIR)/.venv" PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/zappa

package: $(RUNTIME) ## make build/manydoors-dev.zip, as Lambda runs it; STAGE=prod
	@mkdir -p build
	@$(ZAPPA) package "$(STAGE)" --output "build/manydoors-$(STAGE).zip" $(ARGS)

deploy: $(RUNTIME) ## make what a stage stands on, deploy it or update it; STAGE=prod ARGS=--yes
	@.venv/bin/python -m app provision "$(STAGE)" $(ARGS)
	@if $(ZAPPA) status "$(STAGE)" >/dev/null 2>&1; \
		then $(ZAPPA) update "$(STAGE)"; else $(ZAPPA) deploy "$(STAGE)"; fi

undeploy: $(RUNTIME) ## take the function of a stage away, not its data; STAGE=prod ARGS=--yes
	@$(ZAPPA) undeploy "$(STAGE)" $(ARGS)

lock: $(DEV) ## pin what the requirements allow; ARGS=--upgrade takes the newest
	@$(COMPILE) requirements.txt --output-file requirements.lock
	@for extra in pictures data; do \
		$(COMPILE) "requirements-$$extra.txt" --output-file "requirements-$$extra.lock" || exit 1; \
	done
	@$(COMPILE) requirements-dev.txt --output-file requirements-dev.lock
	@for engine in $(ENGINES); do \
		$(COMPILE) "$$engine" --output-file "$${engine%.txt}.lock" || exit 1; \
	done

sbom: $(DEV) ## write build/sbom.json, the bill of materials (CycloneDX), from the locks
	@$(BIN)/python -m supply.sbom build/sbom.json

audit: $(DEV) ## are there known holes in what is locked? ADVISORIES=folder ARGS="--ignore-vuln ID"
	@$(BIN)/python -m supply.audit $(if $(ADVISORIES),--advisories "$(ADVISORIES)") $(ARGS)

clean: ## take away what was installed and cached here; your data in var/ stays
	rm -rf .venv .venv-dev .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist ./*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What tests and benches start in environments of their own.
ENGINES = $(wildcard tests/engines/*.txt) bench/lambda_peers.txt bench/peers.txt

# One lock for every system and Python from 3.11, and nothing in it of the machine that made it.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS)

ENOUGH = import sys; sys.exit(None if sys.version_info >= (3, 11) else \
	"Manydoors needs Python 3.11 or newer, and $(PYTHON) is %d.%d. Name a newer one: make PYTHON=python3.12 ..." \
	% sys.version_info[:2])

# $(call install,FOLDER,LOCKS): made anew each time, so that nothing of an older lock stays. The locks hold
# pip too, hence `python -m pip`; -qq leaves errors only.
define install
@command -v "$(PYTHON)" >/dev/null || { \
	echo "Manydoors needs Python 3.11 or newer, and there is no $(PYTHON)." >&2; exit 1; }
@"$(PYTHON)" -c '$(ENOUGH)'
@echo "installing $(2) into $(1)" >&2
@"$(PYTHON)" -m venv --clear $(1)
@$(1)/bin/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes $(addprefix -r ,$(2))
@touch $@
endef

$(RUNTIME): $(LOCKS)
	$(call install,.venv,$(LOCKS))

$(DEV): requirements.lock requirements-dev.lock
	$(call install,.venv-dev,requirements.lock requirements-dev.lock)
