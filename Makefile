# `make` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test test-backends test-kernel setup setup-run setup-test setup-backends setup-kernel lint bench soak fuzz deny

# Where `cargo install` puts bpf-linker, and where Debian keeps nft, ethtool.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH):/usr/sbin:/sbin

CARGO_DENY := 0.19.9

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup-run ## Build and run the agent (ARGS="..." adds options); prints flows, or exports to OTEL_EXPORTER_OTLP_ENDPOINT
	scripts/cargo-root run --release --bin otel-flow-exporter -- run $(ARGS)

test: lint ## Install what is missing, lint, run every test; an ignored test fails
	scripts/test

test-backends: setup-backends ## Flows in a real Loki and Prometheus, which it builds once (about 10 minutes); an ignored test fails
	scripts/test-backends

test-kernel: setup-kernel ## The agent on Debian's kernel, with bonds and VLANs, in a virtual machine; an ignored test fails
	scripts/test-kernel

setup: ## Install what building, running and testing need
	scripts/setup --test

lint: setup-test ## rustfmt, clippy on both halves, shellcheck; a warning fails
	scripts/lint

bench: setup-test ## Run the benchmarks (on a quiet machine)
	scripts/cargo-root bench --workspace

soak: setup-test ## Memory stays flat, and the balance is right: a receiver that is away (12 minutes), and everything at once (10 minutes)
	scripts/cargo-root bench -p otel-flow-exporter --bench peer_run -- away
	OTELCOL=$$(scripts/collector) scripts/cargo-root bench -p otel-flow-exporter --bench peer_run -- churn

fuzz: setup-test ## Fuzz each decoder of what others write (SECONDS=60 each)
	scripts/fuzz $(or $(SECONDS),60) $(TARGETS)

deny: ## Check licences, duplicates and sources of dependencies (installs cargo-deny: about 3 minutes)
	cargo deny --version || cargo install cargo-deny --version $(CARGO_DENY) --locked
	cargo deny check licenses bans sources
	cargo deny --manifest-path exporter-ebpf/Cargo.toml check --config $(CURDIR)/deny.toml licenses bans sources

setup-run:
	@scripts/setup --check >/dev/null || scripts/setup

setup-test:
	@scripts/setup --test --check >/dev/null || scripts/setup --test

setup-backends:
	@scripts/setup --backends --check >/dev/null || scripts/setup --backends

setup-kernel:
	@scripts/setup --kernel --check >/dev/null || scripts/setup --kernel
