# `make demo` and `make test` need Python 3.11 or later, git and make; everything else is set up in .venv.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c '$(FITS)' 2>/dev/null && echo $$python && break; done)
VENV := .venv
CHECKOV := .venv-checkov
REGISTRY := .registry
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 3

.PHONY: demo test test-long checkov lint format constraints benchmark clean

demo: $(VENV)/installed  ## the whole story on the embedded AWS
	$(BIN)/fguard demo

# Hundreds of short processes: Terraform and its provider need a fifth less time with less collecting of garbage,
# fguard with its modules compiled once (an empty PYTHONDONTWRITEBYTECODE is an unset one).
test: export GOGC = 400
test: export PYTHONDONTWRITEBYTECODE =
test: lint $(REGISTRY)/installed  ## everything in at most ten minutes
	$(BIN)/pytest -m "not long" --hypothesis-profile repeatable -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-long: lint $(CHECKOV)/installed $(REGISTRY)/installed  ## what needs longer
	$(BIN)/pytest -m long -n $(WORKERS) --dist worksteal

checkov: $(VENV)/installed $(CHECKOV)/installed  ## checkov's AWS policies on the rendered Terraform and CloudFormation
	$(BIN)/pytest tests/terraform_templates/test_module_policies.py tests/stack_templates/test_stack_policies.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: $(VENV)/installed  ## ratios against something measured in the same run
	for file in benchmarks/*.py; do $(BIN)/python -m benchmarks.$$(basename $$file .py) || exit 1; done

# python-terraform is published as source only: it comes last, so that it is built with the pinned setuptools.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(or $(PYTHON),false) -c '$(FITS)' \
		|| { echo "Python 3.11 to 3.14 is needed: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	awk '/^[^ #]/ { wheel = !/^python-terraform==/ } wheel' constraints.txt > $(VENV)/wheels.txt
	$(PIP) install --no-deps --only-binary :all: --require-hashes --requirement $(VENV)/wheels.txt
	$(PIP) install --no-deps --no-build-isolation --require-hashes --requirement constraints.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# checkov pins an old boto3, so it has an environment of its own.
$(CHECKOV)/installed: constraints-checkov.txt
	$(PYTHON) -m venv --clear $(CHECKOV)
	$(CHECKOV)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes \
		--requirement constraints-checkov.txt
	@touch $@

# Debian's docker-registry for the tests, unpacked here: no root, nothing installed. apt's own lists may be missing.
APT := apt-get -qq -o APT::Sandbox::User= -o Dir::State=$(CURDIR)/$(REGISTRY)/state \
	-o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache=$(CURDIR)/$(REGISTRY)/cache
$(REGISTRY)/installed:
	rm -rf $(REGISTRY)
	mkdir -p $(REGISTRY)/state/lists/partial $(REGISTRY)/cache/archives/partial
	command -v docker-registry >/dev/null || { cd $(REGISTRY) \
		&& { apt-get -qq download docker-registry 2>/dev/null \
			|| { $(APT) update && $(APT) download docker-registry; } \
			|| { echo "the tests need docker-registry on PATH, or apt-get to fetch Debian's package"; exit 1; }; } \
		&& dpkg-deb --extract docker-registry_*.deb root; }
	rm -rf $(REGISTRY)/state $(REGISTRY)/cache $(REGISTRY)/*.deb
	@touch $@

constraints:  ## pin the newest versions, with hashes and without an index host
	uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url \
		--no-header --extra dev pyproject.toml --output-file constraints.txt
	echo checkov | uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-emit-index-url --no-header - --output-file constraints-checkov.txt

clean:
	rm -rf $(VENV) $(CHECKOV) $(REGISTRY) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
