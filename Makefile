# The two commands are `make demo` and `make test`; each installs what it needs into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all lint reproduce clean

demo: .venv/base
	$(BIN)/coroseg demo

test: lint
	$(BIN)/pytest -n 2

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Each line is a part of its own: run again after a failure with pytest's --last-failed.
test-all: test
	$(BIN)/pytest -m long

# make reproduce ARCADE=PATH/arcade/syntax DCA1=PATH/dca1
# Every step goes on from where an earlier run of it stopped.
# glibc gives memory back to the system after every step, which costs a tenth of the time.
reproduce: export MALLOC_MMAP_MAX_ = 0
reproduce: export MALLOC_TRIM_THRESHOLD_ = 100000000000
reproduce: .venv/dev
	@test -n "$(ARCADE)" -a -n "$(DCA1)" || { echo "say where the data is: make reproduce ARCADE=PATH DCA1=PATH"; exit 2; }
	$(BIN)/coroseg data arcade $(ARCADE) --out data/arcade.csv
	$(BIN)/coroseg data dca1 $(DCA1) --out data/dca1.csv
	$(BIN)/coroseg simulate --out data/simulated --count 1400 --least-mm 1.2
	$(BIN)/python benchmarks/model_card.py

.venv/base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ .venv/base

clean:
	rm -rf .venv coroseg-demo
