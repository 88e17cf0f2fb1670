# make demo    run the quickstart notebook and show its first reply
# make lab     open the notebooks in JupyterLab
# make test    everything that CI runs: the checks and every test
# make check   ruff, mypy and import-linter
# make bench   run the benchmarks
# make clean   remove what the above have made

BIN := .venv/bin

.PHONY: demo lab test check bench clean install-demo install-dev

demo: install-demo
	@$(BIN)/python tools/demo.py

lab: install-demo
	@$(BIN)/python tools/lab.py

test: install-dev
	@tools/install_browser.sh
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest

check: install-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install-dev
	@set -e; for file in benchmarks/[!_]*.py; do \
		name=$${file##*/}; echo "== $${name%.py}"; $(BIN)/python -m "benchmarks.$${name%.py}"; \
	done

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install-demo install-dev: install-%:
	@tools/install.sh $*
