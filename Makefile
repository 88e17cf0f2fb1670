# make demo      run the quickstart notebook and show its first reply
# make lab       open the notebooks in JupyterLab
# make test      everything that CI runs: the checks and every test
# make quick     the checks, and the tests that need no browser, no model and little time
# make check     ruff, mypy and import-linter
# make docs      build the documentation into build/docs/html, each warning an error
# make bench     run the benchmarks
# make mutants   break lines on purpose and see which tests notice; ROOM=storage for one room
# make matrix    the tests with other versions and front ends; ONLY=lowest for one of them
# make clean     remove what the above have made

BIN := .venv/bin

.PHONY: demo lab test quick check docs bench mutants matrix clean install-demo install-docs install-dev

demo: install-demo
	@$(BIN)/python tools/demo.py

lab: install-demo
	@$(BIN)/python tools/lab.py

test: install-dev
	@tools/install_browser.sh
	@$(MAKE) --no-print-directory check docs
	$(BIN)/pytest -n logical --dist loadfile

quick: check
	$(BIN)/pytest -m "not browser and not real and not slow" -n logical --dist loadfile -q

check: install-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install-docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d build/docs/doctrees docs build/docs/html
	@echo "The documentation: build/docs/html/index.html"

bench: install-dev
	@set -e; for file in benchmarks/[!_]*.py; do \
		name=$${file##*/}; echo "== $${name%.py}"; $(BIN)/python -m "benchmarks.$${name%.py}"; \
	done

mutants: install-dev
	$(BIN)/mutmut run $(if $(ROOM),"eighty80_jupyter.$(ROOM).*")
	$(BIN)/python tools/mutants.py $(ROOM)

matrix: install-dev
	$(BIN)/python tools/matrix.py $(ONLY)

clean:
	rm -rf .venv build dist mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install-demo install-docs install-dev: install-%:
	@tools/install.sh $*
