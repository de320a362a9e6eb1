# The menu. `make` prints it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# Our binaries are static, so that an image is one file: no library, no shell, nothing to patch.
TRIPLE := $(shell rustc -vV | sed -n 's/^host: //p')
RELEASE := target/$(TRIPLE)/release
TESTBED := bin/testbed
# The one folder of everything that can be built again.
CACHE := $(or $(TESTBED_CACHE),/var/cache/testbed)
CARGO_DENY := $(CACHE)/tools/bin/cargo-deny
CARGO_MUTANTS := $(CACHE)/tools/bin/cargo-mutants
# The same experiment, in minutes: fewer and shorter trials, and stores that go on from where they are.
SHORT := --set trials.blocks=6 --set trials.aa=false --set trials.aaBlocks=null --set trials.warmup=2s \
  --set trials.window=10s --set trials.cooldown=2s --set variants.*.reset=none
# Every crate with every feature that a test needs: with others what they depend on would be built again for each.
WHOLE := --locked --workspace --features testbed-function/schemas
# What the hub needs of Debian, and a linker for Rust.
PACKAGES := ca-certificates conntrack containernetworking-plugins gcc iproute2 kmod libc6-dev mmdebstrap mount nftables procps runc util-linux

.PHONY: help
help: ## print this menu
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '  make %-15s %s\n' "$$name" "$$what"; done

.PHONY: demo
demo: build ## set up everything, run the main comparison, print its verdict
	@$(TESTBED) hub up
	@$(TESTBED) catalog push
	@$(TESTBED) run tsdb-comparison $(SHORT)

.PHONY: test
test: check unit e2e ## set up everything, run every test

.PHONY: deps
deps: ## install the Debian packages that are missing, and say which
	@missing=$$({ dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(PACKAGES) 2>/dev/null || true; } | awk '$$2 == "installed" {print $$1}' \
	  | sort | comm -13 - <(printf '%s\n' $(PACKAGES) | sort) | xargs); \
	if [ -n "$$missing" ]; then \
	  echo "installing Debian packages: $$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	fi

.PHONY: build
build: deps ## build testbed and our binaries inside of images, into bin/
	# Where they lie in memory is fixed: they have no addresses to be corrected, which would be half a megabyte each.
	RUSTFLAGS='-C target-feature=+crt-static -C relocation-model=static' cargo build --release --locked \
	  --target $(TRIPLE) -p testbed -p testbed-function -p testbed-load -p testbed-node -p testbed-operator
	@ln -sfn $(RELEASE) bin

.PHONY: hub
hub: build ## bring the embedded hub up
	@$(TESTBED) hub up

.PHONY: check
check: deps $(CARGO_DENY) ## formatting, lints, generated files, dependencies
	cargo fmt --check
	cargo xtask generate --check
	# Alone, so that no other crate's features hide what a pure crate must not use.
	cargo check --locked -p testbed-api
	cargo check --locked -p testbed-core
	cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
	$(CARGO_DENY) check bans licenses sources

# Tools of ours alone, so they lie in our cache. They wait more than they work: what counts is how soon they are built.
$(CARGO_DENY):
	cargo install --quiet --locked --debug --version 0.20.2 --root $(CACHE)/tools cargo-deny
$(CARGO_MUTANTS):
	cargo install --quiet --locked --debug --version 27.1.0 --root $(CACHE)/tools cargo-mutants

.PHONY: unit
unit: deps ## tests that need no hub
	# Compositions are held against published schemas too; says so where they cannot be fetched.
	cargo test $(WHOLE)

.PHONY: fuzz
fuzz: deps ## fuzz every parser of foreign bytes, FUZZ_SECONDS=60 each
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) cargo test --quiet --locked -p testbed-core --test fuzz -- --nocapture

.PHONY: e2e
e2e: hub ## tests on the real hub
	# What an error says is worth more than where it was made.
	RUST_LIB_BACKTRACE=0 cargo test $(WHOLE),testbed-e2e/hub --test hub -- --test-threads 1 --nocapture

.PHONY: sweep
sweep: ## every fault at every write of every simulated run; ARGS=--help for more, such as pairs and --real
	cargo run --profile sweep --quiet --locked -p testbed-sim -- $(ARGS)

.PHONY: mutants
mutants: deps $(CARGO_MUTANTS) ## change the core's stages, one thing at a time, and see whether a test notices; two hours
	PATH="$(CACHE)/tools/bin:$$PATH" cargo mutants --output target --baseline skip --timeout 60 $(ARGS)

.PHONY: bench
bench: hub ## count requests and leaks, measure the operator, time the statistics, hold the load generator against queueing theory
	cargo run --release --quiet --locked -p testbed-sim -- --bench --timed --json target/bench.json
	cargo run --release --quiet --locked -p testbed-stats --example bench
	cargo bench --quiet --locked -p testbed-load --bench analytic

.PHONY: bench-clusters
bench-clusters: hub ## time local clusters, made and claimed, one, two and four at once
	cargo run --release --quiet --locked -p testbed-e2e --features hub --example clusters

.PHONY: generate
generate: ## write what is derived from testbed-api: definitions and schemas
	cargo xtask generate

.PHONY: down
down: ## stop the hub and remove everything of it but built parts
	@$(TESTBED) hub down --purge
