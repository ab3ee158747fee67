.DEFAULT_GOAL := help
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 10s

.PHONY: help build demo test unit lint bench fuzz docs clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/symbolon
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/symbolon ./cmd/symbolon

demo: build ## Build and run the demo: issuer, broker and sample apps on one loopback port
	bin/symbolon demo $(ARGS)

test: ## Install what the tests need and pass them all
	scripts/test

unit: ## The tests without the end-to-end stories
	scripts/test unit

lint: ## golangci-lint with the project's configuration
	scripts/lint

bench: build ## Load figures as ratios to a bare net/http handler and a bare reverse proxy
	go run ./bench

fuzz: ## Run every fuzz target for FUZZTIME each (default 10s)
	scripts/fuzz $(FUZZTIME)

docs: build ## Write the generated pages of docs/ and the admin API's openapi.json
	bin/symbolon reference configuration > docs/configuration.md
	bin/symbolon reference cli > docs/cli.md
	bin/symbolon reference openapi > internal/admin/openapi.json

clean: ## Remove what was built
	rm -rf bin .cache e2e/clients/node_modules
