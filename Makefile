# make demo      run the quickstart notebook and show its first reply
# make lab       open the notebooks in JupyterLab
# make test      everything that CI runs: the checks and every test
# make quick     the checks, and the tests without browser and model that are not marked as slow
# make check     ruff, mypy and import-linter
# make docs      build the documentation into build/docs/html, each warning an error
# make bench     run the benchmarks
# make numbers   the same, and write what they print into the documentation
# make picture   make the moving picture of the README anew
# make mutants   break lines of a room on purpose and see which tests notice: ROOM=storage, and
#                SAMPLE=60 for so many of them
# make matrix    the tests with other versions and front ends; ONLY=lowest for one of them
# make lowest    the tests with the lowest versions that the project allows
# make dist      build what is released into dist/, and check it
# make clean     remove what the above have made

BIN := .venv/bin

# Images of containers like to set it. Every process and kernel of a test would compile all anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo lab test quick check docs bench numbers picture mutants matrix lowest dist clean \
	install-demo install-docs install-dev

demo: install-demo
	@$(BIN)/python tools/demo.py

lab: install-demo
	@$(BIN)/python tools/lab.py

test: install-dev
	@tools/install_browser.sh
	@$(MAKE) --no-print-directory check docs
	$(BIN)/pytest -n logical --dist loadfile --rerun-show-tracebacks --max-suite-reruns 8

quick: check
	$(BIN)/pytest -m "not browser and not real and not slow" --ignore tests/browser -n logical --dist loadfile -q

check: install-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install-docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d build/docs/doctrees docs build/docs/html
	@echo "The documentation: build/docs/html/index.html"

bench: install-dev
	@status=0; for file in benchmarks/[!_]*.py; do name=$${file##*/}; name=$${name%.py}; \
		echo "== $$name"; $(BIN)/python -m "benchmarks.$$name" || status=1; \
	done; exit $$status

numbers: install-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python tools/write_numbers.py

picture: install-dev
	$(BIN)/python tools/picture.py

mutants: install-dev
	$(BIN)/python tools/mutants.py $(ROOM) $(if $(SAMPLE),--sample $(SAMPLE))

matrix: install-dev
	$(BIN)/python tools/matrix.py $(ONLY)

lowest:
	@$(MAKE) --no-print-directory matrix ONLY=lowest

dist: install-dev
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

clean:
	rm -rf .venv build dist mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install-demo install-docs install-dev: install-%:
	@tools/install.sh $*
