# Set-up is part of every target: nothing has to be installed by hand but Python >= 3.11.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
ARGS   ?=

.PHONY: run test check lock clean

run: $(READY)  ## the service for Beckum, with virtual drivers and riders
	$(BIN)/rufbus serve --demo $(ARGS)

test: $(READY)  ## the whole test suite
	$(BIN)/python -m pytest $(ARGS)

check: $(READY)  ## style, types, spelling, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/lint-imports

$(READY): requirements.lock dispatch/web/package-lock.json pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Rufbus needs Python 3.11 or newer; choose one with: make PYTHON=python3.12 ...")'
	@echo "Setting up the environment in $(VENV) (the first time takes a minute or two) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m dispatch.web.packages
	@touch $@

lock: $(READY)  ## pin all dependencies anew, with hashes and without registry addresses
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements.lock

clean:  ## removes the environment and everything generated or stored
	rm -rf $(VENV) var
