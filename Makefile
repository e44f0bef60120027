SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# The engine is a module of its own. All its builds, tests and checks use the
# same flags, so that its large dependency tree is compiled once.
ENGINE := deployments/standalone
ENGINE_SOURCES := $(filter-out %_test.go,$(wildcard $(ENGINE)/*.go)) $(ENGINE)/go.mod $(ENGINE)/go.sum
FLAGS := -buildvcs=false -trimpath
LDFLAGS := -s -w

# The test that opens pages in a browser is a package of Node.js.
PAGES := internal/e2e/pages

STAGE := scripts/stage.sh
TOOLS := bin/tools

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-zA-Z\/_-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: setup build ## Build all and run the product with demonstration data (ARGS=… for mcrflow up)
	@exec bin/mcrflow up --demo $(ARGS)

.PHONY: build
build: engine bin/mcrflow ## Build bin/temporald and bin/mcrflow

.PHONY: engine
engine: bin/temporald ## Build the workflow engine (about five minutes the first time)

bin/temporald: $(ENGINE_SOURCES)
	@$(STAGE) "build the workflow engine (bin/temporald)" \
		go -C $(ENGINE) build -v $(FLAGS) -ldflags '$(LDFLAGS)' -o $(CURDIR)/$@ .
	@touch $@

.PHONY: bin/mcrflow # go build knows best what has changed
bin/mcrflow:
	@$(STAGE) "build bin/mcrflow" go build -v $(FLAGS) -ldflags '$(LDFLAGS)' -o $@ ./cmd/mcrflow

.PHONY: setup
setup: ## Check what is needed on this machine; install it as root on Debian or Ubuntu
	@scripts/setup.sh

.PHONY: test
test: setup-test build lint test-main test-engine ## Run every check and test

.PHONY: setup-test
setup-test: setup-tools $(PAGES)/node_modules

.PHONY: setup-tools
setup-tools:
	@scripts/setup.sh --test

$(PAGES)/node_modules: $(PAGES)/package-lock.json | setup-tools
	@$(STAGE) "install what opens pages in a browser" npm ci --prefix $(PAGES) --no-audit --no-fund --ignore-scripts
	@touch $@

.PHONY: test-main
test-main: ## Test the product; needs make build
	@$(STAGE) "test the product" go test -race -shuffle=on -count=1 -timeout 30m $(ARGS) ./...

.PHONY: test-engine
test-engine: ## Test the workflow engine's module
	@$(STAGE) "test the workflow engine" go -C $(ENGINE) test $(FLAGS) -count=1 -timeout 10m ./...

.PHONY: lint
lint: $(TOOLS) ## Check formatting, vet, staticcheck and the determinism of workflows
	@$(STAGE) "gofumpt" bash -c 'out=$$($(TOOLS)/gofumpt -l .); [[ -z $$out ]] || { echo "not formatted (gofumpt -w):"; echo "$$out"; exit 1; }'
	@$(STAGE) "go vet" go vet ./...
	@$(STAGE) "go vet, workflow engine" go -C $(ENGINE) vet $(FLAGS) ./...
	@$(STAGE) "staticcheck" $(TOOLS)/staticcheck ./...
	@$(STAGE) "workflowcheck" $(TOOLS)/workflowcheck ./workflows/...

$(TOOLS): tools/go.mod tools/go.sum
	@mkdir -p $@
	@$(STAGE) "build the checkers" go -C tools build -v $(FLAGS) -o $(CURDIR)/$@/ tool
	@touch $@

.PHONY: replay
replay: ## Replay the recorded histories of every process
	@go test -count=1 -run Replay ./workflows/...

.PHONY: bench
bench: setup build ## Measure speed and cost (ARGS=… for the benchmark)
	@go run ./internal/bench $(ARGS)

.PHONY: clean
clean: ## Remove what was built; data stays
	rm -rf bin
