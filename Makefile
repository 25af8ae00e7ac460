# Everything a newcomer needs: `make demo` and `make test` set up what is missing by themselves.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: demo test setup check format clean

demo: setup
	$(BIN)/bydemo doctor
	$(BIN)/bydemo demo

test: setup check
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=15

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: .venv/.complete

# The marker is written last, so an installation cut short is begun again.
.venv/.complete: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "bydemo needs Python 3.11 or newer (Debian: apt-get install python3 python3-venv)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is missing (Debian: apt-get install python3-venv)"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build dist src/*.egg-info
