# `make` alone prints what there is.
.DEFAULT_GOAL := help
# Half an environment has a Python and no pip (Debian without python3-venv): the next try would take it for a whole one.
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
# Without bytecode every process compiles the shop anew: 8 s for each process of the tests.
unexport PYTHONDONTWRITEBYTECODE
# The port at the end of an address like http://127.0.0.1:8000
port = $(or $(shell sed -nE 's|.*:([0-9]+)/*$$|\1|p' <<< "$(1)"),$(2))
loopback = $(if $(findstring //[::1],$(1)),[::1],127.0.0.1)

##@ Try it

.PHONY: run
run: .venv/runtime ## Run the whole shop in one process, on SQLite: web, workers, scheduler, sandbox provider
	@echo "Reading the code …"
	@exec $(MANAGE) runlocal --prepare

.PHONY: demo
demo: .venv/dev ## Let 60 simulated customers buy through the real pages; SERVICES=1: on PostgreSQL and RabbitMQ
	@exec $(BIN)/python -m tests.demo $(if $(SERVICES),--services)

##@ Test it

# Three on two processors, because system tests wait a lot; file by file, because what a file shares is slow to start,
# and in the order of tests/plugin.py: the longest files first.
SIDE_BY_SIDE := --numprocesses 3 --dist loadfile --no-loadscope-reorder
ON_SQLITE := TEST_DATABASE=sqlite $(BIN)/python -m pytest -q $(SIDE_BY_SIDE)
ON_POSTGRES := TEST_DATABASE=postgres $(BIN)/python -m pytest -q $(SIDE_BY_SIDE)
ALONE := TEST_DATABASE=postgres $(BIN)/python -m pytest -q

.PHONY: test
test: .venv/dev ## Run all tests except the long campaigns; starts a private PostgreSQL and RabbitMQ (installed first if permitted)
	$(BIN)/python -m tests.stack.programs
	$(ON_SQLITE) -m 'not campaign' tests/unit tests/conformance tests/database
	$(ON_POSTGRES) -m 'not (alone or campaign) and (postgres_too or not sqlite_is_enough)' tests/database tests/system tests/browser
	$(ALONE) -m 'alone and not campaign' tests/system

.PHONY: test-fast
test-fast: .venv/dev ## What needs no services: unit, conformance, and database on SQLite
	$(ON_SQLITE) -m 'not campaign' tests/unit tests/conformance tests/database

.PHONY: test-postgres
test-postgres: .venv/dev ## Every database test on PostgreSQL, those included that cannot tell it from SQLite
	$(BIN)/python -m tests.stack.programs
	$(ON_POSTGRES) tests/database

.PHONY: chaos
chaos: .venv/dev ## Let customers buy while parts break, and compare the books; ORDERS=10000 FAULTS=100, SEED=7 repeats a run
	$(BIN)/python -m tests.chaos --orders $(or $(ORDERS),300) --faults $(or $(FAULTS),12) $(if $(SEED),--seed $(SEED))

.PHONY: chaos-bugs
chaos-bugs: .venv/dev ## Plant ten known bugs in copies of the shop: does the chaos run find each of them?
	$(BIN)/python -m tests.chaos.bugs

.PHONY: surge
surge: .venv/dev ## Ten times the expected load for SURGE_S=600: does the shop bend, and recover by itself?
	$(BIN)/python -m tests.chaos.surge --seconds $(or $(SURGE_S),600) $(if $(SEED),--seed $(SEED))

.PHONY: campaigns
campaigns: test-postgres ## Run the long campaigns: kill, freeze, cut off, deploy, restore and fill parts of a running shop
	$(ON_POSTGRES) -m 'campaign and not alone' tests/system tests/browser
	$(ALONE) -m 'campaign and alone' tests/system

SYSTEM_WITHOUT_SERVICES := tests/system/sandbox tests/system/test_provider_client.py

.PHONY: fuzz
fuzz: .venv/dev ## Check the invariants against random histories, new ones each time; FUZZ_MINUTES=10 for each database
	TEST_DATABASE=sqlite FUZZ_MINUTES=$(or $(FUZZ_MINUTES),10) $(BIN)/python -m pytest -q tests/database/test_money_machine.py -k always_holds
	TEST_DATABASE=postgres FUZZ_MINUTES=$(or $(FUZZ_MINUTES),10) $(BIN)/python -m pytest -q tests/database/test_money_machine.py -k always_holds

.PHONY: fuzz-http
fuzz-http: .venv/dev ## Send hostile requests to every URL of a running shop; SEED=7 repeats a run, REQUESTS=100000
	$(BIN)/python -m tests.fuzz --requests $(or $(REQUESTS),100000) $(if $(SEED),--seed $(SEED))

.PHONY: coverage
coverage: .venv/dev ## Measure test coverage in this process (takes twice the time); fails below 97 % of billing/
	$(BIN)/coverage erase
	TEST_DATABASE=sqlite $(BIN)/python -m coverage run -m pytest -q $(SIDE_BY_SIDE) -m 'not alone' tests/unit tests/conformance tests/database $(SYSTEM_WITHOUT_SERVICES)
	TEST_DATABASE=postgres $(BIN)/python -m coverage run -m pytest -q $(SIDE_BY_SIDE) tests/database
	$(BIN)/coverage combine -q && $(BIN)/coverage report
	$(BIN)/coverage report --include='billing/*' --fail-under=97

.PHONY: check
check: lint types imports test ## Run everything that CI runs

.PHONY: lint
lint: .venv/dev audit ## Check style, common mistakes, security, and migrations that would block a running shop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive manage.py config billing commerce actors deploy
	$(MANAGE) checkmigrations

.PHONY: audit
audit: .venv/dev ## Ask PyPI for known vulnerabilities of the locked packages, where it can be reached
	@$(BIN)/python deploy/requirements/audit.py

.PHONY: types
types: .venv/dev ## Check the type annotations
	$(BIN)/mypy config billing commerce actors tests

.PHONY: imports
imports: .venv/dev ## Check the direction of imports: actors > commerce > billing > config
	$(BIN)/lint-imports --no-cache

.PHONY: bench
bench: .venv/dev ## Measure due payments, two accounts, due mails, and the checkout with each broker; CARTS=1000000: the cleanup
	$(BIN)/python -m tests.bench $(if $(CARTS),--only cleanup --carts $(CARTS))

.PHONY: screenshots
screenshots: .venv/dev ## Take a picture of every page, in both languages, phone and desktop: var/screenshots/index.html
	$(BIN)/python -m tests.screenshots

.PHONY: alerts-drill
alerts-drill: .venv/dev ## Stop the parts of a running shop one by one and check the alerts; PARTS="worker mail": only those
	DJANGO_SETTINGS_MODULE=config.settings $(BIN)/python -m tests.alerts $(PARTS)

.PHONY: dashboards
dashboards: .venv/dev ## Write the Grafana dashboards from deploy/grafana/*.py
	$(BIN)/python -m deploy.grafana.build

##@ Run it on one host

COMPOSE := docker compose --file deploy/compose/compose.yml

.PHONY: up
up: .venv/runtime ## Start everything in containers: nginx, web, worker, scheduler, services, monitoring; writes its secrets first
	@$(BIN)/python deploy/compose/make_secrets.py
	$(COMPOSE) up --detach --build --wait

.PHONY: pin-images
pin-images: ## Write the digests of the foreign images into compose.yml and Dockerfile: a tag can be moved
	@$(PYTHON) deploy/compose/pin_images.py

.PHONY: down
down: ## Stop the containers; their data stays
	$(COMPOSE) down

##@ Work on it: local processes against DATABASE_URL and BROKER_URL

.PHONY: services
services: .venv/dev ## Run a local PostgreSQL and RabbitMQ until Ctrl-C; prints the two settings to export
	@exec $(BIN)/python -m tests.stack

.PHONY: web
web: .venv/runtime ## Run the shop
	@$(MANAGE) checkservices --without-broker && exec $(BIN)/gunicorn config.wsgi -c deploy/gunicorn.conf.py --bind "$(call loopback,$(SHOP_URL)):$(call port,$(SHOP_URL),8000)" --worker-class gthread --threads 8 --no-control-socket

.PHONY: worker
worker: .venv/runtime ## Run the workers
	@$(MANAGE) checkservices && exec $(MANAGE) rundramatiq --processes 1 --skip-logging --worker-shutdown-timeout 30000

.PHONY: scheduler
scheduler: .venv/runtime ## Run the scheduler; several may run
	@exec $(MANAGE) runscheduler

.PHONY: sandbox
sandbox: .venv/runtime ## Run the sandbox provider
	@mkdir -p var && exec $(BIN)/python -m billing.sandbox --host "$(call loopback,$(SANDBOX_URL))" --port $(call port,$(SANDBOX_URL),8100) --database var/sandbox.sqlite3

.PHONY: migrate
migrate: .venv/runtime ## Apply the migrations
	$(MANAGE) migrate --verbosity 1

.PHONY: shell
shell: .venv/runtime ## Open Django's shell
	@exec $(MANAGE) shell

.PHONY: install
install: .venv/dev ## Install a release named RELEASE under DESTDIR (/ for this machine): code, environment, units
	@$(BIN)/python deploy/install.py "$(or $(DESTDIR),/)" "$(or $(RELEASE),$(shell git describe --always --dirty))" --python "$(PYTHON)"

.PHONY: lock
lock: .venv/dev ## Resolve the dependencies again, within the bounds of setup.cfg, and write the hashed locks
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/python deploy/requirements/lock.py --upgrade

.PHONY: clean
clean: ## Remove the environment; the shop's data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .coverage*

.PHONY: help
help: ## Show this text
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo

# --- environments: installed from the hashed locks, anew when a lock changes ---

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
	  || { echo "Python 3.11 to 3.14 is needed; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) deploy/requirements/environment.py make .venv

.venv/runtime: .venv/bin/python deploy/requirements/runtime.txt
	@$(BIN)/python deploy/requirements/environment.py install deploy/requirements/runtime.txt
	@touch $@

.venv/dev: .venv/runtime deploy/requirements/dev.txt
	@$(BIN)/python deploy/requirements/environment.py install deploy/requirements/dev.txt
	@touch $@
