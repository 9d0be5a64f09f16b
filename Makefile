# make book     test every lesson (nbval) and build the book  make lab    the lessons in JupyterLab
# make serve    show it at http://localhost:8000              make bench  compare it with other libraries
# make test     lint, make book, then every other test        make records  remake the recorded experiments
# make lint     style and types                               make clean  remove what was built
# make mutants  count the mistakes that the checks of the exercises miss
# make pack     the built book as one archive               make pdf    and as one PDF
# make slides   slides of every lesson                     make book-teacher SEED=…  the instructor's book
# make test-widgets7   test interactive figures with ipywidgets 7, the version of Colab
# make lock     remake requirements.lock; UPGRADE=1 takes the newest of everything
# make try-colab try-oldest try-newest   run all lessons in other environments, on other Pythons
# Each target sets itself up. It needs only make and Python 3.11 to 3.13 with pip.

PYTHON ?= python3
PORT ?= 8000
SEED ?= 1
BIN := .venv/bin
READY := .venv/.ready
# an environment for the libraries of the benchmarks, which also sees the packages of .venv
BENCH := .venv-bench/bin
BENCH_READY := .venv-bench/.ready
# an environment with JupyterLab 3 and ipywidgets 7
SEVEN := .venv-seven/bin
SEVEN_READY := .venv-seven/.ready
# one thread for each parallel test worker, so that they do not compete for the cores
TEST_ENV := OMP_NUM_THREADS=1

.DELETE_ON_ERROR:
.PHONY: book book-teacher pack pdf slides serve test test-widgets7 lab bench lint lint-js mutants records
.PHONY: clean setup lock

book: $(READY)
	$(BIN)/python tools/build_book.py

serve: book
	@echo "http://localhost:$(PORT)/   (Ctrl-C ends)"
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

# nbval runs the lessons in make book, which shows the outputs of that run: each runs only once
test: lint book
	@# without a browser, the tests that need one fail and say so
	CHROMIUM="$$($(BIN)/python tools/chromium.py)"; export CHROMIUM; \
	$(TEST_ENV) $(BIN)/python -m pytest -n auto --dist loadscope --durations 10 \
	  --doctest-modules --ignore ssl_teach/__main__.py --ignore ssl_teach/exercises/__main__.py \
	  tests ssl_teach

# the instructor's book, with the graded forms of SEED and their solutions; do not publish it
book-teacher: $(READY)
	$(BIN)/python tools/build_book.py --teacher $(SEED)

slides: book
	$(BIN)/python tools/make_slides.py

pack: book
	$(BIN)/python tools/pack_book.py

pdf: book
	CHROMIUM="$$($(BIN)/python tools/chromium.py)"; export CHROMIUM; \
	$(BIN)/python tools/pack_book.py --pdf

test-widgets7: book $(SEVEN_READY)
	CHROMIUM="$$($(BIN)/python tools/chromium.py)"; export CHROMIUM; \
	JUPYTER_UNDER_TEST=$(CURDIR)/$(SEVEN)/python $(TEST_ENV) $(BIN)/python -m pytest tests/browser/test_jupyter.py

# the environments in tests/environments; each needs its Python on the PATH
try-%: $(READY)
	$(BIN)/python tools/try_environment.py $*

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb
	@if command -v npm > /dev/null; then $(MAKE) --no-print-directory lint-js; \
	  else echo "There is no Node: the checks of the JavaScript are left out."; fi

lint-js: node_modules/.package-lock.json
	node_modules/.bin/biome check --error-on-warnings
	node_modules/.bin/tsc --project jsconfig.json

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --silent
	@touch $@

mutants: $(READY)
	$(TEST_ENV) $(BIN)/python tools/mutate_exercises.py

lab: $(READY)
	$(BIN)/jupyter lab notebooks

bench: $(BENCH_READY)
	$(BENCH)/python benchmarks/lesson.py
	$(BENCH)/python benchmarks/tasks.py
	$(BENCH)/python benchmarks/explorables.py
	$(BENCH)/python benchmarks/pages.py
	$(BENCH)/python benchmarks/augment.py
	$(BENCH)/python benchmarks/losses.py
	$(BENCH)/python benchmarks/training.py
	$(BENCH)/python benchmarks/grading.py

records: $(READY)
	$(BIN)/python -m ssl_teach experiment --all --overwrite

setup: $(READY)

# uv resolves for every Python and system at once. torch brings CUDA libraries that fit it, or none:
# they stay out, so that the lock also serves builds of torch for a CPU or for another CUDA. So do
# versions for a Python that the package does not allow yet.
lock:
	$(PYTHON) tools/make_venv.py .venv-lock
	@echo '*' > .venv-lock/.gitignore
	.venv-lock/bin/python -m pip install --quiet uv==0.13.9
	.venv-lock/bin/uv pip compile requirements.txt --output-file requirements.lock --quiet \
	  --universal --python-version 3.11 --fork-strategy fewest --no-annotate \
	  --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
	sed -i.bak -E "/^(cuda-|nvidia-|triton)|>= '3\.1[4-9]'/d" requirements.lock && rm requirements.lock.bak

$(READY): requirements.txt requirements.lock pyproject.toml tools/make_venv.py
	$(PYTHON) tools/make_venv.py .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt -c requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $(READY)

$(BENCH_READY): $(READY) benchmarks/requirements.txt
	$(BIN)/python tools/make_venv.py .venv-bench
	@# pip finds torch there, and the lock prevents another version
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  > "$$($(BENCH)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/venv.pth"
	$(BENCH)/python -m pip install --quiet -r benchmarks/requirements.txt -c requirements.lock
	@touch $(BENCH_READY)

$(SEVEN_READY): $(READY) tests/browser/widgets7.txt
	$(BIN)/python tools/make_venv.py .venv-seven
	@echo '*' > .venv-seven/.gitignore
	$(SEVEN)/python -m pip install --quiet -r tests/browser/widgets7.txt
	@touch $(SEVEN_READY)

clean:
	rm -rf node_modules .venv-bench .venv-lock .venv-seven .venv-try _build .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info book/_vendor
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
