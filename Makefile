# Two commands set everything up: `make demo` and `make test`. Both make their own virtual environment in .venv.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do "$$p" -c '$(SUITS)' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin
INSTALLED := .venv/.installed
SHARED ?= ../shared
export PYTHONDONTWRITEBYTECODE := # where it is set, every process that a test starts compiles the packages anew

TOGETHER := $(MAKE) --no-print-directory --output-sync=target

.PHONY: demo test check style types sql rules workflow real bench docs constraints clean pip browser emulators

demo: $(INSTALLED) ## the main job on the sample company: load, reconcile, recommend
	$(BIN)/finops demo demo

test: pip ## all tests
	@$(TOGETHER) -j2 $(INSTALLED) emulators
	$(BIN)/python -m pytest tests --ignore tests/real -n 3 --dist worksteal

browser: ## Debian's Chromium, which the dashboard is clicked through in
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	  else echo "the dashboard's tests need Chromium: install Debian's chromium (sudo apt-get install chromium)" >&2; exit 1; fi; }

emulators: browser ## Azurite (npm) and Prometheus (Debian), which tests talk to: where one cannot be had, its tests are skipped
	@test -x .venv/azurite/node_modules/.bin/azurite-blob || { \
	  if command -v npm >/dev/null; then \
	    npm install --silent --ignore-scripts --no-audit --no-fund --no-save --prefix .venv/azurite azurite@3.37.0 \
	      || echo "npm cannot install azurite: the tests that talk to it are skipped" >&2; \
	  else echo "no npm: the tests that talk to Azurite are skipped" >&2; fi; }
	@test -x .venv/prometheus/usr/bin/prometheus || command -v prometheus >/dev/null || { \
	  mkdir -p .venv/prometheus && cd .venv/prometheus && \
	  { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } 2>/dev/null && \
	  dpkg -x prometheus_*.deb . && rm prometheus_*.deb; } || echo "no Prometheus: the tests that talk to it are skipped" >&2

check: $(INSTALLED) ## style, types, SQL, dependency rule, CI workflow
	@$(TOGETHER) -j2 types style sql rules workflow

types: $(INSTALLED)
	$(BIN)/mypy

style: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

sql: $(INSTALLED)
	$(BIN)/sqlfluff lint finops connectors

rules: $(INSTALLED) ## who may import whom
	$(BIN)/lint-imports

workflow: $(INSTALLED)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/actionlint

real: $(INSTALLED) ## the checks on real billing data, where it is at hand
	FINOPS_SHARED="$(abspath $(SHARED))" $(BIN)/python -m pytest tests/real -n 2 --dist worksteal

bench: $(INSTALLED) browser ## speed and memory, the dashboard in a browser, then the bars on real traces where they are at hand: writes docs/benchmarks.md, docs/bars.md
	$(BIN)/python -m benchmarks.load --write
	$(BIN)/python -m benchmarks.dashboard --write
	if [ -d "$(SHARED)/data/traces" ]; then $(BIN)/python -m benchmarks.traces all --data "$(SHARED)/data/traces" --write; fi

docs: $(INSTALLED) ## write docs/reference.md from the code
	$(BIN)/python -m finops.reference > docs/reference.md

constraints: ## after a change of dependencies: pin every version and hash anew (needs uv)
	uv pip compile pyproject.toml --extra aws --extra azure --extra gcp --extra app --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o constraints.txt

clean:
	rm -rf .venv build dist demo

pip: ## a Python that can make virtual environments
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(SUITS)' \
	  || { echo "finops needs Python 3.11, 3.12 or 3.13: install it, or call make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq python3-venv; \
	  else echo "this Python cannot make virtual environments: install Debian's python3-venv (sudo apt-get install python3-venv)" >&2; exit 1; fi; }

$(INSTALLED): constraints.txt pyproject.toml | pip
	test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r constraints.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q finops connectors recommenders # once, also where Python may not write what it compiles
	touch $@
