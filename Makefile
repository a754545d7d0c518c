# `make help` says what there is. HOST, PORT and WORKERS are honoured: make run PORT=8001
PYTHON_HERE := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run serve web test check bench soak lock

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

run: ## install what is needed, then serve with the local model
	@scripts/install run
	@scripts/web || echo 'The server runs without its page and the browser client.' >&2
	@exec .venv/bin/headrace serve

serve: ## the same without installing
	@test -x .venv/bin/headrace || { echo 'Nothing is installed yet: make run' >&2; exit 1; }
	@exec .venv/bin/headrace serve

web: ## build the page and the browser client (needs Node, or installs one into .venv)
	@scripts/install run
	@scripts/web

test: ## install what the tests need and run them all; ARGS='-k name' for some
	@scripts/install test
	@scripts/web || test -z "$$CI"
	@$(PYTHON_HERE) -m pytest $(ARGS)

check: ## ruff, mypy --strict, floors, cycles and sizes
	@scripts/install test
	$(PYTHON_HERE) -m ruff check .
	$(PYTHON_HERE) -m ruff format --check .
	$(PYTHON_HERE) -m mypy
	$(PYTHON_HERE) -m pytest tests/test_architecture.py
	@if scripts/web; then PATH="$$PATH:$(CURDIR)/.venv/bin" npm --prefix web run check; else test -z "$$CI"; fi

bench: ## CPU an event, memory, time to first token, beside other ways
	@scripts/install test
	@$(PYTHON_HERE) -m bench $(ARGS)

soak: ## break streams in every way, at length; ARGS='--scale 0.05' for a few minutes
	@scripts/install test
	@TEST_EXAMPLES=200 $(PYTHON_HERE) -m pytest tests/integration/test_document.py
	@$(PYTHON_HERE) -m soak $(ARGS)

# uv finds one set of versions for every system and Python from 3.11 on; the locks name no registry.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

lock: ## resolve requirements/*.in and pyproject.toml anew (needs uv); ARGS=--upgrade for newer versions
	$(LOCK) --excludes requirements/excluded.txt $(ARGS) pyproject.toml --extra server --extra local --extra workers --extra postgres requirements/run.in -o requirements/run.txt
	$(LOCK) --excludes requirements/excluded-test.txt $(ARGS) pyproject.toml --all-extras requirements/run.in requirements/test.in \
		-c requirements/run.txt -o requirements/test.txt
	$(LOCK) $(ARGS) requirements/node.in -o requirements/node.txt
