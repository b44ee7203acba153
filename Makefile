# What people run: `make demo` and `make test`. Everything is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The Node that the page and the type checker run on comes as a Python package.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test install format page clean

demo: $(VENV)/installed
	$(BIN)/unrolled demo

install: $(VENV)/tools

KERNELS := src/unrolled/engines/compiled

# The package, as a user installs it; the build makes the page with a Node that comes from the package index, and the
# kernels where there is a C compiler.
$(VENV)/installed: pyproject.toml constraints.txt hatch_build.py $(wildcard $(KERNELS)/*.c) $(KERNELS)/build.py web/package.json src/unrolled/colours.json $(shell find web/src -type f 2>/dev/null)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

# What tests need besides: linters, Playwright, Node for the page's own tests, and a browser.
$(VENV)/tools: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[develop]'
	@touch $@

test: $(VENV)/tools
	tests/browser.sh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	cd web && { [ -d node_modules ] || npm ci --no-audit --no-fund; } && npm run check && npm test
	OMP_WAIT_POLICY=passive $(BIN)/pytest -n 2 --dist worksteal

format: $(VENV)/tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

page: $(VENV)/tools
	cd web && npm run build

clean:
	rm -rf $(VENV) web/node_modules src/unrolled/explorer/static $(KERNELS)/*.so
