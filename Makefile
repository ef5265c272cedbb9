# Two commands for a newcomer: `make book` and `make test`. `make help` lists the rest.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON      ?= python3
VENV        ?= .venv
SEED        ?= 0
JOBS        ?= 2
# Where torch alone comes from on Linux without an NVIDIA driver; empty: the configured index.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

PY    := $(VENV)/bin/python
READY := $(VENV)/.ready
BOOK  := $(PY) -m book

.PHONY: help env book chapter full status verify serve test test-unit test-pipeline mutants lint bench browser clean

help:  ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(READY)  ## create the environment from constraints.txt

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(f"Python 3.11 or newer is needed; $(PYTHON) is {v.major}.{v.minor}. Name another: make env PYTHON=python3.11") if v < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	@torch=$$(grep -E '^torch==' constraints.txt); index='$(TORCH_INDEX)'; \
	if [ "$$(uname -s)" = Linux ] && [ ! -e /proc/driver/nvidia/version ] && [ -n "$$index" ]; then \
	  if timeout 8 $(PY) -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1].rstrip("/") + "/torch/", timeout=7)' "$$index" 2>/dev/null; then \
	    echo "installing $$torch alone, first, from $$index"; \
	    $(PY) -m pip install -q --no-deps --index-url "$$index" "$$torch" || echo "that failed: taking $$torch from the configured index"; \
	  else \
	    echo "torch's CPU index $$index cannot be reached: taking $$torch from the configured index (it may be the larger CUDA build)"; \
	  fi; \
	fi; \
	$(PY) -m pip install -q -c constraints.txt "$$torch"
	$(PY) -m pip install -q -c constraints.txt -e '.[book,dev]'
	@touch $@

book: $(READY)  ## execute stale chapters, build the site, check it (SEED=1: another seed, its own folder)
	$(BOOK) build --seed $(SEED) --jobs $(JOBS)

chapter: $(READY)  ## execute one chapter: make chapter CH=empirical-score
	@test -n "$(CH)" || { echo "which chapter? make chapter CH=empirical-score"; exit 2; }
	$(BOOK) execute $(CH) --seed $(SEED)

full: $(READY)  ## one chapter at full size, no budget: make full EXPERIMENT=empirical-score (long ones also take MINUTES=, WORKERS=, SCHEDULER=)
	@test -n "$(EXPERIMENT)" || { echo "which chapter? make full EXPERIMENT=empirical-score"; exit 2; }
	$(strip $(if $(MINUTES),GEOMEM_MINUTES='$(MINUTES)') $(if $(WORKERS),GEOMEM_WORKERS='$(WORKERS)') $(if $(SCHEDULER),GEOMEM_SCHEDULER='$(SCHEDULER)') $(BOOK) execute $(EXPERIMENT) --profile full --seed $(SEED))

status: $(READY)  ## each chapter: fresh or stale and why, last seconds, memory
	@$(BOOK) status --seed $(SEED)

verify: $(READY)  ## re-execute a figure's chapter and compare: make verify FIG=fig-...
	@test -n "$(FIG)" || { echo "which figure? make verify FIG=fig-..."; exit 2; }
	$(BOOK) verify $(FIG) --seed $(SEED)

serve: $(READY)  ## serve the built site on this machine
	$(BOOK) serve --seed $(SEED)

test: test-unit test-pipeline  ## all tests but the browser's

test-unit: $(READY)  ## identities, limits, references, properties, doctests; branch coverage of geomem
	OMP_NUM_THREADS=1 $(PY) -m pytest tests geomem --doctest-modules -m "not pipeline and not browser" --ignore=tests/site -n 2 --cov --cov-report=term

test-pipeline: $(READY)  ## the pipeline on a two-chapter book in a temporary folder
	OMP_NUM_THREADS=1 $(PY) -m pytest tests/book -m pipeline -n 2

mutants: $(READY)  ## every mutant of tests/mutants.toml must be caught by the test it names
	OMP_NUM_THREADS=1 $(PY) tests/run_mutants.py

lint: $(READY)  ## ruff on code and chapters, ty on the package
	$(PY) -m ruff check .
	@for chapter in chapters/*.md; do $(VENV)/bin/jupytext --quiet --from md:myst --to ipynb --output - "$$chapter" | $(PY) -m ruff check --quiet --stdin-filename "$${chapter%.md}.ipynb" - || exit 1; done
	$(PY) -m ty check

bench: $(READY)  ## timings side by side with what a user would otherwise use
	$(PY) -m benchmarks

browser: $(READY)  ## the built site in chromium: desktop and phone, light and dark
	$(PY) -m pytest tests/site -m browser

clean:  ## remove everything built (the environment stays)
	rm -rf _build
