# Targets with a ## comment are listed by "make help".

GO          ?= go
STATICCHECK ?= $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 30s
SEED        ?= 1
SEEDS       ?= 10000
ROUNDS      ?= 20
ADDR        ?= 127.0.0.1:7001
GOTESTFLAGS ?=

# Of the release, and of the commit ("-dirty" when files differ from it).
VERSION  = $(shell sed -n 's/^const version = "\(.*\)"/\1/p' cmd/redoubt/version.go)
REVISION = $(shell git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null)
LDFLAGS  = -s -w -X main.linkedRevision=$(REVISION)
TARGETS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

.DEFAULT_GOAL := help
.PHONY: help run demo start-3 start-5 watch build dist test lint race short sim chaos bench mutants fuzz compat faults docs clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## */\1\t/' | expand -t 12

run: ## run one node on 127.0.0.1:6379, data in ./redoubt-data
	$(GO) run ./cmd/redoubt

demo: ## take a tour in the terminal: five nodes, killed and cut off while clients write
	$(GO) run ./cmd/redoubt demo

start-3: ## run a cluster of three nodes on ports 7001 to 7003; Ctrl-C ends it
	$(GO) run ./cmd/redoubt dev --nodes 3

start-5: ## run a cluster of five nodes on ports 7001 to 7005; Ctrl-C ends it
	$(GO) run ./cmd/redoubt dev --nodes 5

watch: ## watch a cluster live in the terminal (ADDR=127.0.0.1:7001)
	$(GO) run ./cmd/redoubt watch --addr $(ADDR)

build: ## build the static binary bin/redoubt
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/redoubt ./cmd/redoubt

dist: ## build static binaries for TARGETS (Linux and macOS) and their checksums, into dist/
	@rm -rf dist && mkdir dist
	@for target in $(TARGETS); do \
		out=dist/redoubt-$(VERSION)-$$(echo $$target | tr / -); echo $$out; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} \
			$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $$out ./cmd/redoubt || exit 1; \
	done
	cd dist && sha256sum redoubt-* > SHA256SUMS

test: lint race ## everything a change must pass: lint and all tests with the race detector

race: ## all tests with the race detector
	$(GO) test -race $(GOTESTFLAGS) ./...

lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...

short: ## the tests without the race detector and without the long ones
	$(GO) test -short ./...

sim: ## run 10,000 simulated clusters through every kind of fault (SEED, SEEDS)
	$(GO) run ./cmd/redoubt sim --seed $(SEED) --seeds $(SEEDS) --require-marks

chaos: ## break a cluster of real processes for ROUNDS (20) and judge it; CHAOSFLAGS='--seed 7' for more settings
	$(GO) run ./cmd/redoubt chaos --rounds $(ROUNDS) $(CHAOSFLAGS)

bench: build ## measure redoubt and Redis side by side, into docs/BENCHMARKS.md (BENCHFLAGS='--rounds 1')
	bin/redoubt bench suite --report docs/BENCHMARKS.md $(BENCHFLAGS)

mutants: ## plant every known mistake and see it found (hours; ONLY=M1,M2 for some)
	nice $(GO) test -count=1 -timeout 0 -run '^TestMutants$$' -v ./raft/sim/mutant -mutants $(if $(ONLY),-only $(ONLY))

exhaustive: ## try every order of events in small clusters, 10 million states
	$(GO) test -count=1 ./raft -run TestExhaustive -v -states 10000000

fuzz: ## run every fuzz target for FUZZTIME (30s)
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

compat: ## compare with a real redis-server 7.0, and run the tools of Redis against a node
	$(GO) test -count=1 -run 'Compat|Redis|Quickstart' -v ./fsm ./resp ./cmd/redoubt

faults: ## break disks and processes for real (Linux, strace; some need root)
	$(GO) test -count=1 -run "Kill|Crash|Poisons|Full|Fsync|Paused" -v ./wal ./cmd/redoubt

docs: ## write the generated tables of docs/ and the dashboard of grafana/
	$(GO) test -count=1 -run '^TestGenerated' ./cmd/redoubt ./fsm ./raft/sim ./grafana -update

clean: ## remove what the targets above leave behind
	rm -rf bin dist
	$(GO) clean ./...
