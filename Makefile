# causal_lpm: every target does its own set-up, in .venv, and a second call installs nothing.
#
#   make demo                        the second-dose study, small: table on the screen, results in ./results
#   make test                        the tests, less the slow ones
#
# Variables, all optional:
#   PYTHON=python3.12                the Python (3.11 or newer) that .venv is made with
#   TORCH_INDEX_URL=https://...      where pip takes torch from: choose a CPU or a CUDA build with it.
#                                    Without it, torch comes from wherever pip is set up to look.
#   VENV=.venv                       where the environment lives
#   WORKERS=2                        test processes

VENV    ?= .venv
WORKERS ?= 2
TORCH   := $(shell sed -n 's/^torch==//p' constraints.txt)
PYTHON  ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
             $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)

PIP := $(VENV)/bin/python -m pip install --disable-pip-version-check --no-input -qq
# One thread a process: the tests run side by side, and numbers do not depend on it.
ONE_THREAD := OMP_NUM_THREADS=1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv venv-test venv-dev venv-private try-private venv-peers demo test test-slow test-lowest lint format types imports notebooks site docs bench
.PHONY: bench-peers bench-check clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

# --- set-up: one stamp file a step --------------------------------------------------------------------------

$(VENV)/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found: install one, or say make PYTHON=/path/to/python"; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "python -m venv failed; on Debian and Ubuntu install python3-venv"; exit 1; }

# torch comes first and alone, so that a build chosen for this machine is taken and then left as it is.
$(VENV)/.torch: $(VENV)/pyvenv.cfg
	@echo "Installing torch $(TORCH)"
	@$(PIP) $(if $(TORCH_INDEX_URL),--index-url "$(TORCH_INDEX_URL)") torch==$(TORCH)
	@touch $@

$(VENV)/.core: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "Installing causal_lpm"
	@$(PIP) -c constraints.txt -e ".[fast,plots]"
	@touch $@

$(VENV)/.test: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "Installing causal_lpm and the test tools"
	@$(PIP) -c constraints.txt -e ".[fast,plots,test]"
	@touch $(VENV)/.core $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "Installing causal_lpm, the test tools and the developer tools"
	@$(PIP) -c constraints.txt -e ".[fast,plots,test,dev]"
	@touch $(VENV)/.core $(VENV)/.test $@

# CrypTen's wheel declares a package that refuses to install, and brings four top-level packages: without both.
$(VENV)/.private: $(VENV)/.core .ci/crypten_alone.py
	@echo "Installing what private runs need, with CrypTen"
	@$(PIP) -c constraints.txt -e ".[private]"
	@$(PIP) --no-deps crypten==0.4.1
	@$(VENV)/bin/python .ci/crypten_alone.py
	@touch $@

$(VENV)/.docs: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "Installing causal_lpm and the documentation tools"
	@$(PIP) -c constraints.txt -e ".[fast,plots,docs]"
	@touch $(VENV)/.core $@

venv: $(VENV)/.core  ## Make .venv with everything that running studies needs
venv-test: $(VENV)/.test  ## ... and the test tools
venv-private: $(VENV)/.private  ## ... and CrypTen, for private runs on its products
try-private:
	@$(MAKE) --no-print-directory venv-private || echo "CrypTen is not to be had here: the tests of its layer are skipped."
venv-dev: $(VENV)/.dev  ## ... and ruff, mypy, import-linter, pre-commit

# Peers want other versions of what we use: each gets an environment of its own.
PEERS     := covasim3 covasim4 starsim laser
PEER_VENV := benchmarks/.venvs

$(PEER_VENV)/%/.installed: benchmarks/peers/requirements/%.txt
	@echo "Installing $* in $(PEER_VENV)/$*"
	@$(PYTHON) -m venv $(PEER_VENV)/$* || { echo "python -m venv failed; on Debian and Ubuntu install python3-venv"; exit 1; }
	@$(PEER_VENV)/$*/bin/python -m pip install --disable-pip-version-check --no-input -qq -r $<
	@touch $@

# The lowest versions that pyproject.toml allows, all at once. The triton of the extra gpu wants a newer torch.
LOWEST_VENV   := build/lowest-venv
LOWEST_EXTRAS := fast plots inference private
LOWEST_TESTS  := tests/docs tests/ops tests/handlers tests/fuzz tests/contracts tests/cli/test_commands.py tests/inference/results
LOWEST_PIP    := $(LOWEST_VENV)/bin/python -m pip install --disable-pip-version-check --no-input -qq -c $(LOWEST_VENV)/lowest.txt

$(LOWEST_VENV)/.installed: pyproject.toml tests/lowest_versions.py
	@echo "Making $(LOWEST_VENV) with $$($(PYTHON) --version) and the lowest versions of everything"
	@$(PYTHON) -m venv --clear $(LOWEST_VENV)
	@$(PYTHON) tests/lowest_versions.py $(LOWEST_EXTRAS) test > $(LOWEST_VENV)/lowest.txt
	@$(LOWEST_PIP) $(if $(TORCH_INDEX_URL),--index-url "$(TORCH_INDEX_URL)") torch
	@$(LOWEST_PIP) -e ".[fast,plots,inference,private]" pytest pytest-xdist hypothesis
	@touch $@

venv-peers: $(PEERS:%=$(PEER_VENV)/%/.installed)  ## Make an environment for each peer of the benchmarks

# --- use ----------------------------------------------------------------------------------------------------

demo: $(VENV)/.core  ## Run the second-dose study, small, and say where the results are
	@$(VENV)/bin/causal-lpm demo

test: $(VENV)/.test try-private  ## Run the tests, less the slow ones
	$(ONE_THREAD) $(VENV)/bin/python -m pytest -m "not slow" -n $(WORKERS) --durations=15

test-slow: $(VENV)/.test try-private  ## Run the slow tests
	$(ONE_THREAD) $(VENV)/bin/python -m pytest -m slow -n $(WORKERS) --durations=15

test-lowest: $(LOWEST_VENV)/.installed  ## Run the core of the tests with the lowest versions of all dependencies
	$(ONE_THREAD) $(LOWEST_VENV)/bin/python -m pytest -m "not slow" -n $(WORKERS) $(LOWEST_TESTS)

lint: $(VENV)/.dev  ## Check style and format
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

format: $(VENV)/.dev  ## Repair style and format where a tool can
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

types: $(VENV)/.dev  ## Check types
	$(VENV)/bin/mypy

imports: $(VENV)/.dev  ## Check that imports run one way
	$(VENV)/bin/lint-imports

# An executed notebook for each tutorial; made again where its page has changed.
NOTEBOOKS := $(patsubst docs/tutorials/%.md,docs/_build/notebooks/%.ipynb,$(wildcard docs/tutorials/*.md))

docs/_build/notebooks/%.ipynb: docs/tutorials/%.md docs/make_notebooks.py $(VENV)/.docs
	$(ONE_THREAD) $(VENV)/bin/python docs/make_notebooks.py $< $@

notebooks: $(NOTEBOOKS)  ## Execute the tutorials as notebooks for Jupyter, in docs/_build/notebooks: some minutes

site: $(VENV)/.docs  ## Build the documentation in docs/_build/html; a warning fails, such as a link that leads nowhere
	$(ONE_THREAD) $(VENV)/bin/python -m sphinx -W --keep-going -b html docs docs/_build/html

docs: $(NOTEBOOKS)  ## The same, with a notebook of each tutorial
	@$(MAKE) --no-print-directory site

bench: $(VENV)/.core  ## Measure everything, and compare with the targets: a quarter of an hour
	$(VENV)/bin/python benchmarks/run.py

bench-peers: $(VENV)/.core venv-peers  ## The same, with the peers beside it
	$(VENV)/bin/python benchmarks/run.py

bench-check: $(VENV)/.core  ## See whether a ratio became worse than in the last commit: a minute
	$(VENV)/bin/python benchmarks/run.py --quick --out build/bench/quick.json
	$(VENV)/bin/python benchmarks/compare.py build/bench/quick.json

clean:  ## Remove .venv and all that tools leave behind (results stay)
	rm -rf $(VENV) $(PEER_VENV) build dist *.egg-info docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
