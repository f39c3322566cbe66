# Namaskah. `make` shows what there is; `make up` and `make test` are the two that matter.
#
# Only npm and make are taken from the machine (any Node from 20 on runs npm). The project brings its own Node 24 as an npm
# package, and every command below runs with it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help install up down clean demo test check lint types layers unit fmt proto bench chaos
# Parts of one target run in the order written; the tools use both cores by themselves.
.NOTPARALLEL:

BIN  := node_modules/.bin
NODE := $(BIN)/node
export PATH := $(CURDIR)/$(BIN):$(PATH)
# `make up GATEWAY_PORT=9000` and `GATEWAY_PORT=9000 make up` mean the same.
export GATEWAY_PORT PORT_BASE POSTGRES_URL NATS_URL DATA_DIR TEST_INFRA

help: ## Show this list
	@echo "Namaskah: make <target>"
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z-]*:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "Settings (make up NAME=value): GATEWAY_PORT (8080), PORT_BASE (18000), POSTGRES_URL, NATS_URL, DATA_DIR (.data)"

install: node_modules/.stamp ## Install the dependencies, when the lockfile has changed

node_modules/.stamp: package-lock.json package.json tools/install.sh
	@bash tools/install.sh

up: node_modules/.stamp ## Run the whole platform on this machine, in the foreground (Ctrl-C stops it)
	@$(NODE) tools/up.ts

down: node_modules/.stamp ## Stop the platform that runs in another terminal
	@$(NODE) tools/down.ts

clean: node_modules/.stamp ## Stop it and delete its data, logs and generated secrets
	@$(NODE) tools/down.ts --clean

demo: node_modules/.stamp ## Walk through the product as a customer would, and check every step
	@$(NODE) tools/demo.ts

test: node_modules/.stamp ## Everything that CI runs: protos, format, lint, layers, types, all tests
	@$(NODE) tools/ci.ts

check: node_modules/.stamp ## Every check that needs no server (= lint + types), in seconds
	@$(NODE) tools/ci.ts lint types

lint: node_modules/.stamp ## Protos, generated code, format, lint rules, layer rules
	@$(NODE) tools/ci.ts lint

types: node_modules/.stamp ## Types, and the lint rules that need them
	@$(NODE) tools/ci.ts types

layers: node_modules/.stamp ## Only the layer rules
	@$(NODE) tools/ci.ts layers

unit: node_modules/.stamp ## All tests, or some: make unit FILES=services/billing/domain/*.test.ts
	@$(NODE) tools/test.ts $(FILES)

fmt: node_modules/.stamp ## Format every file
	@$(BIN)/oxfmt .

proto: node_modules/.stamp ## Generate code from proto/ and move the baseline of `buf breaking`
	@$(NODE) tools/proto.ts

bench: node_modules/.stamp ## Measure, each figure beside its floor
	@$(NODE) test/bench/main.ts
	@$(NODE) test/bench/ledger.ts
	@$(NODE) test/bench/usage.ts
	@$(NODE) test/bench/payments.ts
	@$(NODE) test/bench/reads.ts
	@$(NODE) test/bench/stream.ts

chaos: node_modules/.stamp ## Kill, pause and cut off parts while customers are served
	@$(NODE) tools/test.ts test/chaos/*.test.ts
