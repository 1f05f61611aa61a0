# Everything a person or a CI runs. Needs npm and any Node to start from: a real Node 24 for Linux comes with
# `npm ci`, and node_modules/.bin stands first on the PATH of every target.
SHELL := /bin/sh
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# npm writes this file last, so it is the mark of a finished install.
INSTALLED := node_modules/.package-lock.json

.PHONY: help test demo bench generate vectors bed mesh mesh-down mesh-test build bundle

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

test: $(INSTALLED) ## format, types, lint, dead exports, and all fast tests with coverage
	@node scripts/test.ts

demo: $(INSTALLED) ## a whole rollout on an embedded cluster (KEEP=1 keeps it open, SPEED=2 is twice as fast)
	@node src/sim/demo/main.ts $(if $(KEEP),--keep) $(if $(SPEED),--speed $(SPEED))

bench: $(INSTALLED) ## figures: API calls, decisions per second, start-up time, memory
	@npm run --silent bench

generate: $(INSTALLED) ## write the CRD and the reference page from the schema
	@npm run --silent generate

vectors: $(INSTALLED) ## Istio's rules against recorded answers of Istio's own code
	@npm run --silent vectors

bed: $(INSTALLED) ## the suite on a real kube-apiserver (needs Go; the first build takes about 12 minutes)
	@npm run --silent test:bed

mesh: $(INSTALLED) ## a real mesh with the Online Boutique, and a shell in it (needs root and Go; "exit" takes it down)
	@node test/bed/mesh/run.ts node test/bed/mesh/open.ts

mesh-down: $(INSTALLED) ## take down every mesh that runs on this machine
	@node test/bed/mesh/down.ts

mesh-test: $(INSTALLED) ## the suite on a real mesh: istiod, Envoy sidecars, Prometheus (needs root and Go)
	@npm run --silent test:mesh

build: $(INSTALLED) ## compile to dist/
	@npm run --silent build

bundle: $(INSTALLED) ## the operator as one file: dist/mtls-rollout.mjs
	@npm run --silent bundle

$(INSTALLED): package-lock.json
	@command -v npm >/dev/null || { echo 'npm was not found: install Node 24 (nodejs.org or your package manager)' >&2; exit 1; }
	@echo 'installing packages'
	@npm ci --no-audit --no-fund --loglevel=error
# npm leaves out optional packages that do not fit the Node it runs under; this run is under the one just installed
	@npm install --no-save --no-audit --no-fund --loglevel=error
	@node -e 'if (parseInt(process.versions.node) < 24) { console.error("Node " + process.versions.node + " is too old: install Node 24 (nodejs.org or your package manager)"); process.exit(1) }'
	@touch $@
