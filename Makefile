# Runs from a fresh clone with Python >= 3.11, Node.js >= 20 and make; everything else is installed
# here, by pin. Each target says what it does in `make help`.

NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
PYTHON ?= $(shell for at in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$at $(NEW_ENOUGH) && echo $$at && break; done)
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PAGE := gateway/page
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo demo-live live-vendure live-crm conformance test test-live resilience test-quick screenshot compiled chaos mutants check bench bench-overload profile bench-big bench-live bench-peers bench-servers schema docs composition clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile \
		| awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

install: .venv/.installed $(PAGE)/dist/manifest.json ## Make .venv with the command `gateway`, and build the GraphiQL page

demo: install ## Serve the sandbox retailer: PORT=8000 DATA=var/demo
	@exec $(BIN)/gateway demo $(if $(PORT),--port $(PORT)) --data "$(or $(DATA),var/demo)"

demo-live: install ## Serve a real ERP, webshop and CRM, installed on first use: PORT=8000 DATA=var/demo-live
	@exec $(BIN)/python -m tests.live.demo --port $(or $(PORT),8000) --data "$(or $(DATA),var/demo-live)"

live-vendure: install ## Prove the connector on a real Vendure, installed on first use with its PostgreSQL
	@$(BIN)/python -m tests.live.vendure.house install
	$(BIN)/pytest -m live_vendure tests/live tests/contract/connectors

live-crm: install ## Prove the connector on a real CRM, installed on first use with its PostgreSQL and Redis
	@$(BIN)/python -m tests.live_crm.house install
	$(BIN)/pytest -m live_crm tests/live_crm tests/contract/connectors

conformance: install ## Run the one suite over every connector, real systems too, and write docs/conformance.md
	@$(BIN)/python -m tests.live.vendure.house install
	@$(BIN)/python -m tests.live_crm.house install
	@rm -f .venv/conformance.json
	CONFORMANCE_RESULTS=.venv/conformance.json $(BIN)/pytest -m "" tests/contract/connectors \
		--deselect tests/contract/connectors/test_declared.py::test_the_page_is_of_this_suite_and_of_a_run_that_showed_all
	@$(BIN)/python -m tests.contract.connectors.cases .venv/conformance.json > .venv/written
	@mv .venv/written docs/conformance.md

test: install ## Prove everything, the real ERP included, by as many processes as there are cores
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-live: install ## Prove what `make test` leaves out: the page in Chromium, a real Vendure, a real CRM, what is long on a real Tryton
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m tests.live.vendure.house install
	@$(BIN)/python -m tests.live_crm.house install
	$(BIN)/pytest -m "browser or live_vendure or live_crm or live_long" tests/browser tests/live tests/live_crm tests/contract/connectors tests/badlands

test-quick: install ## Prove everything but the live backends and what others publish or compose
	$(BIN)/pytest -m "not live and not live_long and not live_vendure and not live_crm and not composition and not published and not browser"

compiled: install ## Hold ten thousand documents that are run by plans against the library's answers
	COMPILED_PARTS=67 COMPILED_GENERATED=2000 $(BIN)/pytest -o timeout=3600 tests/schema/test_compiled.py tests/schema/test_compiled_own.py

chaos: install ## Kill a working process two hundred times and look for what is lost or doubled
	CHAOS_KILLS=200 $(BIN)/pytest -s tests/chaos

mutants: install ## Plant small bugs, one at a time, and see each caught
	$(BIN)/python -m tests.chaos.mutants

check: install ## Look at format, lint, types, the arrows between rooms, and what breaks clients
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.schema.changes

bench: install ## Measure the stock engine, availability, one hot SKU and the README's query over HTTP
	$(BIN)/python -m bench.stock_engine
	$(BIN)/python -m bench.stock_engine --store mongo
	$(BIN)/python -m bench.availability
	$(BIN)/python -m bench.hot_sku
	$(BIN)/python -m bench.demo_query
	$(BIN)/python -m bench.limits
	$(BIN)/python -m bench.execution
	$(BIN)/python -m bench.server_options
	$(BIN)/python -m bench.caching
	$(BIN)/python -m bench.observability
	$(BIN)/python -m bench.inbox
	$(BIN)/python -m bench.publication

bench-overload: install ## Ask a gateway for ten times what it can do, for a minute
	$(BIN)/python -m bench.overload

profile: install ## Show where a request's CPU goes, layer by layer
	$(BIN)/python -m bench.profile

bench-big: install ## Measure stores with a long history and five million positions, a first import, and idle connections: 6 GB of disk
	$(BIN)/python -m bench.growth
	$(BIN)/python -m bench.large_store
	$(BIN)/python -m bench.idle_sockets
	$(BIN)/python -m bench.first_import

resilience: install ## Write docs/resilience.md: every way to fail at three real systems, measured
	@$(BIN)/python -m tests.live.vendure.house install
	@$(BIN)/python -m tests.live_crm.house install
	-$(BIN)/python -m tests.badlands.run > .venv/bad-days.json
	@$(BIN)/python -m tests.badlands.page .venv/bad-days.json > .venv/written
	@mv .venv/written docs/resilience.md

bench-live: install ## Measure on real systems: a first reading against a bare client, a page of products asked live
	@$(BIN)/python -m tests.live.vendure.house install
	@$(BIN)/python -m tests.live_crm.house install
	$(BIN)/python -m bench.sync_throughput
	$(BIN)/python -m bench.products_page

bench-peers: install ## Race Medusa and Vendure on one hot SKU, installed on first use: ARGS=--quick for the smallest cases
	$(BIN)/python -m bench.peers $(ARGS)

bench-servers: install ## Measure the gateway beside GraphQL servers of others, installed on first use; needs wrk
	$(BIN)/python -m bench.graphql_servers $(ARGS)

screenshot: install ## Write docs/graphiql.png from the demo's page
	@$(BIN)/python -m tests.browser.chromium
	$(BIN)/pytest -m browser tests/browser -k it_runs_a_query --picture docs/graphiql.png

schema: install ## Write schema/schema.graphql from the code
	@$(BIN)/gateway schema > .venv/written
	@mv .venv/written schema/schema.graphql

docs: install ## Write docs/settings.md and docs/access.md from the code
	@$(BIN)/python -m gateway.settings_page > .venv/written
	@mv .venv/written docs/settings.md
	@$(BIN)/python -m gateway.access_page > .venv/written
	@mv .venv/written docs/access.md

composition: install ## Write docs/composition.md: what composers of others make of the schema
	@$(BIN)/python -m tests.composition.composed > .venv/written
	@mv .venv/written docs/composition.md

clean: ## Remove what the other targets made; data under var/ stays
	rm -rf .venv build *.egg-info $(PAGE)/node_modules $(PAGE)/dist tests/composition/node_modules tests/conformance/audit/node_modules* bench/servers/node_modules bench/servers/.python
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { \
		echo "Python 3.11 or later is missing: install it, or name it: make PYTHON=/path/to/it" >&2; \
		exit 1; }
	@$(PYTHON) $(NEW_ENOUGH) || { echo "$(PYTHON) is not a Python of 3.11 or later" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks its venv module: on Debian, install python3-venv" >&2; exit 1; }
	@echo "Installing the gateway and its tools into .venv ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) install --constraint constraints.txt --editable '.[dev,telemetry]'
	@touch $@

$(PAGE)/node_modules/.installed: $(PAGE)/package.json $(PAGE)/package-lock.json $(PAGE)/.npmrc
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null || { \
		echo "Node.js 20 or later is missing: it builds the GraphiQL page" >&2; exit 1; }
	@command -v npm >/dev/null || { \
		echo "npm is missing: it comes with Node.js, or as a package of its own" >&2; exit 1; }
	@echo "Installing what the GraphiQL page is built from ..."
	@cd $(PAGE) && npm ci --loglevel=error --no-progress
	@touch $@

$(PAGE)/dist/manifest.json: $(PAGE)/node_modules/.installed $(PAGE)/build.mjs $(wildcard $(PAGE)/src/*)
	@echo "Building the GraphiQL page ..."
	@cd $(PAGE) && npm run --silent build
	@touch $@
