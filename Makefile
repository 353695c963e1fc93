# `make book` makes the book, `make test` passes its tests. Nothing else has to be installed by hand.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NOTEBOOKS := $(wildcard index.ipynb chapters/*.ipynb)
# Else ruff keeps a cache in every folder with settings of its own.
export RUFF_CACHE_DIR := .ruff_cache

.DEFAULT_GOAL := help
.PHONY: help book serve lab test lint format outputs bench audit pdf offline links clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: $(READY)  ## make the book and say where to open it
	@$(BIN)/python -m tools.book

serve: book  ## make the book and serve it at http://localhost:8000 (PORT=...)
	@echo "The book is at http://localhost:$(PORT) (stop with Ctrl+C)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/book/_build/html

lab: $(READY)  ## open the chapters in JupyterLab, here
	@echo "Open a chapter and choose Run > Run All Cells; its explorers are live then (stop with Ctrl+C)."
	@$(BIN)/python -m jupyterlab chapters

test: lint  ## lint, types, unit tests, every notebook, then the site in a browser
	@echo "Unit tests, doctests and notebooks ..."
	@# nbval runs the notebooks, tools/notebooks.py keeps what they show; two at a time, each on one worker
	@$(BIN)/python -m pytest -n 2 --dist loadfile -p tools.notebooks --nbval lossbook tests $(NOTEBOOKS) --ignore tests/site
	@echo "The site, made from the notebooks that just ran ..."
	@$(BIN)/python -m tools.book
	@$(BIN)/python -m pytest -n 2 --dist loadscope tests/site

lint: $(READY)  ## ruff (code and notebooks) and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check . || { echo "Run make format and look at what it changed."; exit 1; }
	@$(BIN)/mypy

format: $(READY)  ## write code and notebooks as lint wants them
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

outputs: $(READY)  ## run what changed and store the outputs in the notebooks
	@$(BIN)/python -m tools.book outputs

bench: $(READY)  ## speed beside the built-in losses and peers, as ratios
	@$(BIN)/python -m benchmarks

audit: $(READY)  ## measure the site: Lighthouse, weight, axe on every page (needs Node 20 and npm)
	@$(BIN)/python -m tools.audit

pdf: $(READY)  ## print the whole book to _build/lossbook.pdf (needs Chromium and a font for Chinese)
	@$(BIN)/python -m tools.pdf

offline: $(READY)  ## pack the whole site into _build/lossbook-offline.zip, to read without a network
	@$(BIN)/python -m tools.offline

links: $(READY)  ## ask every site that the book links to (needs the network)
	@$(BIN)/python -m tools.links

clean:  ## remove what was made, the environment too
	rm -rf _build $(VENV) .mypy_cache .pytest_cache .ruff_cache *.egg-info

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "LossBook needs Python 3.11 or newer; try: make PYTHON=python3.12 book")'
	@echo "Making the environment in $(VENV) (once, a minute or a few) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m tools.install
	@touch $@
