# What people type. Each target first brings .venv in line with requirements.lock (config/running/environment.py).
.DEFAULT_GOAL := help
.PHONY: help run test test-deep check format bench lock catalogs migrations-rewrite environment

SHELL := /bin/sh
PY := .venv/bin/python
MANAGE := $(PY) manage.py
# Without its bytecode every process would compile a thousand modules before it starts.
unexport PYTHONDONTWRITEBYTECODE
# Whatever is not Hilo itself works on engines of its own, so that it never meets the data of a running Hilo.
ON_TEST_ENGINES := HILO_ENGINES=test

# 3.11 is what the tests run on, so it comes first; anything newer will do.
FIND_PYTHON = for candidate in "$(PYTHON)" python3.11 python3.12 python3.13 python3.14 python3 python; do \
	if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; done

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-20s %s\n' "$$name" "$$text"; done

run: environment  ## Run Hilo with its demo; PORT=8010 chooses another port
	@exec $(PY) -m config.running

test: environment  ## Run every check and every test; ARGS='tests/contacts -k merging' chooses tests
	@$(PY) -m tests.chromium
	@$(MAKE) --no-print-directory check; checked=$$?; \
	$(ON_TEST_ENGINES) $(PY) -m pytest -n 2 $(ARGS) || exit; \
	if [ $$checked -ne 0 ]; then echo 'The tests pass, but make check does not: see above.'; fi; exit $$checked

test-deep: environment  ## Run the tests with many more examples
	@$(PY) -m tests.chromium
	@$(ON_TEST_ENGINES) HYPOTHESIS_PROFILE=deep $(PY) -m pytest -n 2 $(ARGS)

check: environment  ## Lint, types, import rules, catalogs and migrations, without tests
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet . || { echo 'make format puts this right.'; exit 1; }
	@$(ON_TEST_ENGINES) $(PY) -m mypy --no-error-summary .
	@.venv/bin/lint-imports --no-logo
	@$(ON_TEST_ENGINES) $(MANAGE) catalogs --check
	@$(ON_TEST_ENGINES) $(MANAGE) makemigrations --check --dry-run
	@$(ON_TEST_ENGINES) $(MANAGE) check --fail-level WARNING

format: environment  ## Put the code in shape
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

bench: environment  ## Measure, as ratios against the bare database
	@HILO_ENGINES=bench $(PY) -m benchmarks $(ARGS)

lock: environment  ## Lock the newest versions that pyproject.toml allows
	@.venv/uv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate \
		--custom-compile-command 'make lock' --group dev pyproject.toml -o requirements.lock
	@.venv/uv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate \
		--custom-compile-command 'make lock' --python-version 3.11 .ci/uv.in -o .ci/uv.txt

catalogs: environment  ## Bring the catalogs of both languages up to date and compile them
	@$(ON_TEST_ENGINES) $(MANAGE) catalogs

migrations-rewrite: environment  ## Make one new initial migration for each app
	@rm -f */migrations/0*.py
	@$(ON_TEST_ENGINES) $(MANAGE) makemigrations

environment:
	@found=; $(FIND_PYTHON); \
	if [ -z "$$found" ]; then \
		echo 'Hilo needs Python 3.11 or newer. On Debian and Ubuntu: sudo apt-get install python3.11 python3.11-venv'; \
		echo 'If it is elsewhere: make PYTHON=/path/to/python3.11'; exit 1; \
	fi; exec "$$found" config/running/environment.py
