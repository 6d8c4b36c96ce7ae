# Every command builds what it needs first. `make` alone lists them.

.PHONY: help setup check test torture demo serve bench adapters clean
.DEFAULT_GOAL := help

RUN := .venv/bin/python
STAMP := .venv/.complete
ADAPTERS := .venv-adapters

help:
	@echo 'make demo     tell the main story and verify it  (IMAGES=folder for your own portraits)'
	@echo 'make serve    the whole registry at http://127.0.0.1:8000, data under var/, until Ctrl-C'
	@echo 'make test     the whole test suite  (ARGS="tests/embedded -x" for a part)'
	@echo 'make torture  random histories from six threads, until one is wrong  (TORTURE_SECONDS=600 for a longer one)'
	@echo 'make check    lint, types, import contracts'
	@echo 'make bench    every benchmark with its floors  (ONLY=name for one)'
	@echo 'make adapters every adapter of consentkit with its library; builds .venv-adapters (2 GB or more), needs Java 17'
	@echo 'make setup    build .venv from the lock; done already: nothing'
	@echo 'make clean    remove .venv and caches; data under var/ stays'

setup: $(STAMP)
	@:

# The stamp comes last: an interrupted set-up is simply run again.
$(STAMP): requirements.txt client/pyproject.toml
	@set -eu; \
	if ! $(RUN) -m pip --version >/dev/null 2>&1; then \
		found=; old=; \
		for each in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
			command -v $$each >/dev/null 2>&1 || continue; \
			$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
			old=$$each; \
			if $$each -c 'import ensurepip, venv' 2>/dev/null; then found=$$each; break; fi; \
		done; \
		if [ -z "$$found" ] && [ -n "$$old" ]; then \
			echo "$$old has no venv module: install it (Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; fi; \
		if [ -z "$$found" ]; then \
			echo 'No Python 3.11 or newer was found: install one, or name it: make setup PYTHON=/path/to/python3' >&2; exit 1; fi; \
		$$found -m venv --clear .venv; \
	fi
	@echo 'Installing into .venv; this takes about a minute.'
	@$(RUN) -m pip --disable-pip-version-check --no-input install --quiet --no-compile --require-hashes --no-deps -r requirements.txt
	@$(RUN) -m pip --disable-pip-version-check --no-input install --quiet --no-compile --no-deps --no-build-isolation -e client
	@touch $@

check: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	.venv/bin/lint-imports

test: setup
	@$(RUN) -m pytest $(ARGS)

# History after history, until one is wrong or somebody stops it.
torture: setup
	@while $(RUN) -m pytest tests/machine/test_torture.py -n 0 -q -s; do :; done

demo: setup
	@$(RUN) -m service.demo $(if $(IMAGES),--images '$(IMAGES)')

serve: setup
	@$(RUN) manage.py serve --port 8000 --home var

bench: setup
	@$(RUN) -m bench $(ONLY)

# The libraries take gigabytes, so they have an environment of their own.
$(ADAPTERS)/.complete: setup client/adapters.txt client/pyproject.toml
	@$(RUN) -m venv --clear $(ADAPTERS)
	@echo 'Installing into $(ADAPTERS); this takes some minutes.'
	@$(ADAPTERS)/bin/python -m pip --disable-pip-version-check --no-input install --quiet -r client/adapters.txt -e 'client[fingerprints]'
	@touch $@

adapters: $(ADAPTERS)/.complete
	@command -v java >/dev/null || { echo 'Spark needs Java 17: install it (Debian: apt-get install openjdk-17-jre-headless).' >&2; exit 1; }
	@ALL_ADAPTERS=1 $(ADAPTERS)/bin/python -m pytest -c client/tests/adapters/pytest.ini --rootdir client/tests/adapters client/tests/adapters

clean:
	rm -rf .venv $(ADAPTERS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/results.json
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
