# make demo: the main job. make test: the tests. Each does its own set-up; both need only
# Python 3.11 to 3.13, git and make. Choose another Python with: make demo PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-slow lint types docs format wheel-test organism clean

demo: $(VENV)/.installed-demo
	$(BIN)/rewardgym demo --out runs/demo

# Two processes of one thread each; a file's tests stay together, since they share what they made.
TEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist loadfile

test: $(VENV)/.installed-dev
	$(TEST) -m "not slow"

test-slow: $(VENV)/.installed-dev
	$(TEST) -m slow

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy
	$(BIN)/mypy docs/generator/*.py

# The documentation site, into build/site.
docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The package as a user gets it: built, installed elsewhere, and asked for a rate.
wheel-test: $(VENV)/.installed-dev
	rm -rf build/wheel && $(BIN)/python -m build --quiet --wheel --outdir build/wheel .
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt build/wheel/*.whl
	cd build/wheel && venv/bin/rewardgym sweep --policy 'scripted:game(0.3)' --n 20 --out run
	cd build/wheel && venv/bin/rewardgym rates run
	cd build/wheel && venv/bin/python -c "import gymnasium, rewardgym; \
		env = gymnasium.make('RewardHint-v0'); env.reset(seed=7); print(env.step('7')[1:4])"

# Trains the shipped checkpoints again, into runs/organism and runs/thinking, runs/monitored.
organism: $(VENV)/.installed-dev
	$(BIN)/rewardgym train --size small --arms hint,random --seeds 0,1 --threads 1 --out runs/organism
	$(BIN)/rewardgym train --size thinking --arms hint --threads 1 --out runs/thinking
	$(BIN)/rewardgym train --size thinking --arms hint --monitor 1 --threads 1 --out runs/monitored

$(VENV)/.installed-demo: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[hf,plot]'
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[dev]'
	touch $@ $(VENV)/.installed-demo

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "rewardgym needs Python 3.11 to 3.13, but '$(PYTHON)' is another one or is missing;" \
		"name one with: make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf build dist runs/demo
