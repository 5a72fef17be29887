#  make demo     bakes a project, has simulated callers call it, fails if one is lost    CALLS=20 RATE=2 AGENTS=6 STAY=1
#  make test     everything, here and in a bake                                          REQUIRE=containers,browser
#  make test-newest  the project's tests on the newest Django, warnings as errors         PYTHON=python3.13 (3.12 or newer)
#  make check    format, lint, types, import contracts, where the files lie
#  make scan     the bake's image and overlays by the policy scanners: 300 MB, so not part of test
#  make bench    times beside cookiecutter's and django-admin's own, in one run
#  make bench-config  configuration beside pydantic-settings, environs, dynaconf, django-environ and a hand-written reader
#  make bench-calls   500 calls at 10 a second: on SQLite, and with four web workers on PostgreSQL and Valkey
#  make bench-cache   the cache beside its peers: a hit, invalidation, a stampede, a day, faults       PART=hit FULL=1
#  make bench-routing 10,000 reservations by 16 processes on PostgreSQL, beside the least a database can do for one
#  make bench-laws    10,000 calls with faulty webhooks and a process killed every 20 s: nobody is lost   ARGS=--calls=1000
#  make bench-path    each webhook beside a bare view with the same signature and as many statements
#  make bench-million 12 calls a second for 10 minutes on this machine, and what a call costs           ARGS=--search
#  make bench-reports wallboard, reports and history over 1,000,000 calls, and what 200 wallboards cost
#  make bench-image   the image's size, build, start and memory beside a bare Django project's
#  make lock     all requirements*.txt anew: the newest versions that pyproject.toml allows
#
#  Each does its own set-up, once. Wanted: Python 3.11 or newer and make.                PYTHON=python3

PYTHON ?= python3

PROJECT := {{cookiecutter.project_slug}}
BAKED := my-call-center
BIN := .venv/bin
BAKE := -m cookiecutter --default-config --no-input --output-dir
COMPILE := .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade --quiet
PARALLEL := --numprocesses auto --dist loadfile
PIP := bin/python -m pip install --quiet --disable-pip-version-check
.SUFFIXES:
.PHONY: help demo test test-newest check scan bench bench-cache bench-calls bench-config bench-image bench-laws bench-million bench-path bench-reports bench-routing lock

help:
	@sed -n 's/^#  //p' Makefile

demo: build/bake/.done
	@rm -rf build/demo
	@build/bake/bin/python $(BAKE) build/demo .
	@PATH="$(CURDIR)/build/bake/bin:$$PATH" $(MAKE) --no-print-directory -C build/demo/$(BAKED) demo

# Beside the tree, or a bake would copy it. Without npm the browser tests that need it are skipped, and say so.
build/assets/vendor: $(PROJECT)/assets/package-lock.json
	@mkdir -p build
	@sh "$(PROJECT)/assets/fetch" build/assets || echo "Going on without npm's assets" >&2

test: check build/assets/vendor
	cd "$(PROJECT)" && ../$(BIN)/python -m pytest -p no:cacheprovider $(PARALLEL)
	$(BIN)/python -m pytest $(PARALLEL)

# Warnings are errors in every run (filterwarnings), those of what is deprecated among them.
test-newest: build/newest/.done
	cd "$(PROJECT)" && ../build/newest/bin/python -m pytest -p no:cacheprovider $(PARALLEL)

# Nothing is to lie in the un-rendered tree that a bake would copy.
test test-newest check: export PYTHONDONTWRITEBYTECODE := 1
test check: export RUFF_CACHE_DIR := $(CURDIR)/build/ruff
test check: export MYPY_CACHE_DIR := $(CURDIR)/build/mypy

check: .venv/.done
	@mkdir -p build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd "$(PROJECT)" && $(SECRETS) ../$(BIN)/mypy
	cd "$(PROJECT)" && ../$(BIN)/lint-imports --no-cache

scan: .venv/.done
	@rm -rf build/scan
	@$(BIN)/python $(BAKE) build/scan .
	@$(MAKE) --no-print-directory -C build/scan/$(BAKED) scan

bench: .venv/.done
	@$(BIN)/python -m benchmarks

bench-config: build/peers/.done
	@build/peers/bin/python -B benchmarks/configuration.py

bench-calls: .venv/.done
	@$(BIN)/python benchmarks/calls.py

bench-cache: build/peers/.done
	@build/peers/bin/python -m benchmarks.cache $(PART) $(if $(FULL),--full)

bench-routing: .venv/.done
	@$(BIN)/python benchmarks/routing.py

bench-laws: .venv/.done
	@$(BIN)/python benchmarks/laws.py $(ARGS)

bench-path: .venv/.done
	@$(BIN)/python benchmarks/path.py

bench-million: .venv/.done
	@$(BIN)/python benchmarks/million.py $(ARGS)

bench-reports: .venv/.done
	@$(BIN)/python benchmarks/reports.py

bench-image: .venv/.done
	@$(BIN)/python benchmarks/image.py

lock: .venv/.done
	@rm -rf build/lock
	@$(BIN)/python $(BAKE) build/lock . project_slug=project
	$(MAKE) --no-print-directory -C build/lock/project lock
	cp build/lock/project/requirements*.txt "$(PROJECT)"
	$(COMPILE) --output-file requirements.txt pyproject.toml
	$(COMPILE) --output-file requirements-dev.txt --group dev pyproject.toml "$(PROJECT)/requirements-dev.txt"
	$(COMPILE) --output-file requirements-bench.txt --group bench "$(PROJECT)/requirements.txt" --constraint "$(PROJECT)/requirements-dev.txt"

# mypy's plugin reads the settings, and they want secrets: any will do, and none is to lie in the tree.
SECRETS := DJANGO_SECRET_KEY=only-for-the-type-checker-to-read-settings TWILIO_AUTH_TOKEN=only-for-the-type-checker

# --- set-up: the stamp is newer than the file it was made from ---

build/bake/.done: requirements.txt
	$(call install,requirements.txt,build/bake)

build/peers/.done: requirements-bench.txt
	@mkdir -p build
	$(call install,requirements-bench.txt,build/peers)

build/newest/.done: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 12))' || { echo "The newest Django wants Python 3.12 or newer: make PYTHON=python3.13 test-newest" >&2; exit 1; }
	@mkdir -p build
	$(call install,requirements-dev.txt,build/newest)
	@VIRTUAL_ENV=build/newest build/newest/bin/uv pip install --quiet --upgrade django || build/newest/$(PIP) --upgrade django

.venv/.done: requirements-dev.txt
	$(call install,requirements-dev.txt,.venv)

# uv takes 5 s where pip takes 60; pip is for where uv does not get through, behind a company's index for example.
# uv trusts the certificates it brings, unless told to trust the machine's, a company's own among them.
export UV_SYSTEM_CERTS ?= true

define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or newer is needed, and $(PYTHON) is not that. Another: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Installing $(1) into $(2)"
	@test -e $(2)/.made || $(PYTHON) -m venv --clear $(2)
	@touch $(2)/.made
	@test -x $(2)/bin/uv || $(2)/$(PIP) uv || echo "Without uv this takes a minute"
	@VIRTUAL_ENV=$(2) $(2)/bin/uv pip install --quiet --require-hashes -r $(1) || $(2)/$(PIP) --require-hashes -r $(1)
	@touch $@
endef
