# Thin on purpose: what a target does is in Tests/Support and Tests/Conformance.

LISTEN ?= 127.0.0.1:8080
LISTEN_TLS ?= 127.0.0.1:8443
ARGS ?=
CHURN ?= 100000
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?=
SEEDS ?= 10000
SEED ?=
SOURCES := Sources Tests Package.swift

.DEFAULT_GOAL := help
.PHONY: help run run-tls build test test-asan test-tsan test-simulation fuzz lint format bench
.PHONY: conformance soak-connects docs deps clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

run: build ## Build and serve on 127.0.0.1:8080 (LISTEN=ADDRESS, ARGS='more flags')
	@exec .build/release/sluice serve --listen $(LISTEN) $(ARGS)

run-tls: build ## Build and serve TLS on 127.0.0.1:8443, certificate self-signed (LISTEN_TLS, ARGS)
	@Tests/Support/packages.sh tls
	@Tests/Support/certificate.sh .cache/tls
	@exec .build/release/sluice serve --listen $(LISTEN_TLS) \
	  --tls-certificate .cache/tls/certificate.pem --tls-key .cache/tls/key.pem $(ARGS)

build: ## Build the release binary, .build/release/sluice, installing what it needs
	@Tests/Support/packages.sh build
	@Tests/Support/build.sh

test: ## Run every test: Swift, WebSocket and HTTP clients, browser, conformance
	@Tests/Support/test.sh

test-asan: ## Run the Swift tests under AddressSanitizer (ARGS='--filter NAME')
	@Tests/Support/sanitize.sh address $(ARGS)

test-tsan: ## Run the Swift tests under ThreadSanitizer (ARGS='--filter NAME')
	@Tests/Support/sanitize.sh thread $(ARGS)

test-simulation: ## Simulate the coordinator with everything failing (SEEDS=10000, or SEED=N to see one)
	@Tests/Support/build.sh FleetSimulator
	@.build/release/FleetSimulator $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

fuzz: ## Fuzz the protocol cores (FUZZ_SECONDS=60 each, FUZZ_TARGETS='NAME ...')
	@FUZZ_SECONDS='$(FUZZ_SECONDS)' FUZZ_TARGETS='$(FUZZ_TARGETS)' Tests/Fuzz/run.sh

lint: ## Check the formatting of the Swift sources and the shell scripts
	@Tests/Support/lint.sh $(SOURCES)

format: ## Format the Swift sources in place
	swift format --in-place --parallel -r $(SOURCES)

docs: build ## Write the reference of all options into docs/configuration.md
	@Tests/Support/docs.sh .build/release/sluice

bench: ## Run the microbenchmarks of the cores
	@Tests/Support/packages.sh build
	swift run -c release CoreBenchmarks $(ARGS)

conformance: ## Run the Autobahn suite on server and client, over TCP and TLS, strictly
	@Tests/Support/packages.sh build conformance
	@Tests/Support/build.sh
	@Tests/Support/build.sh ConformanceClient
	@Tests/Conformance/run.sh $(ARGS)
	@Tests/Conformance/run.sh --tls $(ARGS)
	@Tests/Conformance/run-client.sh $(ARGS)
	@Tests/Conformance/run-client.sh --tls $(ARGS)

soak-connects: ## Open and break 100,000 connections in every abusive way (CHURN=COUNT)
	@Tests/Support/packages.sh build test
	@Tests/Support/venv.sh
	@Tests/Support/build.sh
	@SLUICE_CHURN=$(CHURN) .cache/clients/bin/python -m pytest Tests/Clients/test_churn.py -rP

deps: ## Install the Debian packages that building and testing need
	@Tests/Support/packages.sh build test conformance

clean: ## Remove everything that was built or cached
	rm -rf .build .build-asan .build-tsan .cache
