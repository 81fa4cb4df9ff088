# The commands of this project; "make help" lists them.

# From the tag or commit that is built.
VERSION    ?= $(shell git describe --tags --always --dirty --abbrev=12 2>/dev/null || echo dev)
COMMIT     ?= $(shell git rev-parse HEAD 2>/dev/null)
# When that commit was made: a clock from before is wrong.
DATE       ?= $(shell git log -1 --format=%cI 2>/dev/null)
# Where "make build" puts the program.
PROGRAM    ?= failover-monitor
CONTAINER  ?= podman
IMAGE      ?= localhost/failover-monitor
# What the image is for; it can be another platform than this one: make image PLATFORM=linux/arm64
PLATFORM   ?= $(HERE)
# Further flags for its build.
IMAGE_FLAGS ?=
# The settings of "make run": a copy of env.example, filled in.
ENV_FILE   ?= .env
# This machine's own platform, as images name it.
HERE        = linux/$(shell uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')

# How long "make fuzz" looks for each kind of input, and "make soak" runs.
FUZZTIME   ?= 30s
SOAK       ?= 10m

# The Go of packages and releases: another one builds other bits.
RELEASE_GO ?= 1.26.8
# What packages are made for, and the folder that is emptied for them.
ARCHITECTURES ?= amd64 arm64
DIST       ?= dist
# Whoever is responsible for the packages.
MAINTAINER ?= The Failover Monitor authors <failover-monitor@example.com>
RELEASE     = GOTOOLCHAIN=go$(RELEASE_GO) RELEASE_GO=$(RELEASE_GO) VERSION='$(VERSION)' \
	COMMIT=$(COMMIT) DATE=$(DATE) MAINTAINER='$(MAINTAINER)' DIST='$(DIST)'

STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
INSTALL     = DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends

# Only the race detector needs C.
export CGO_ENABLED = 0

.DEFAULT_GOAL := help
.PHONY: help build run demo image packages dist clean test lint reproducible fuzz bench bench-scale soak simulate simulate-table
.PHONY: e2e-browser e2e-cluster e2e-faults e2e-grafana e2e-keda e2e-kubelet e2e-kubernetes e2e-packages e2e-podman e2e-predecessor e2e-prometheus e2e-quadlet e2e-systemd prometheus

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build ./failover-monitor, one static binary
	go build -trimpath -buildvcs=false \
		-ldflags "-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.commitDate=$(DATE)" \
		-o $(PROGRAM) ./cmd/failover-monitor

run: build ## run the monitor with the settings of ENV_FILE (.env)
	@test -f $(ENV_FILE) || { echo "no $(ENV_FILE): cp env.example $(ENV_FILE) and set your two health URLs"; exit 1; }
	@set --; while IFS= read -r line || [ -n "$$line" ]; do case $$line in ''|'#'*) ;; *=*) set -- "$$@" "$$line";; esac; done < $(ENV_FILE); \
		exec env "$$@" ./failover-monitor

demo: build ## show a failover: the monitor and two built-in sites, to break and heal
	@./failover-monitor demo

# BUILDPLATFORM is given since podman before 4.4 does not know it in FROM.
image: ## build the container image
	$(CONTAINER) build $(IMAGE_FLAGS) --file Containerfile --platform $(PLATFORM) \
		--build-arg BUILDPLATFORM=$(HERE) --build-arg VERSION=$(VERSION) --build-arg DATE=$(DATE) \
		--build-arg COMMIT=$(COMMIT) \
		--tag $(IMAGE):$(VERSION) --tag $(IMAGE):latest .

packages: ## make .deb, .rpm, .tar.gz and SBOM in dist/, for amd64 and arm64
	@$(RELEASE) deploy/packages/build $(ARCHITECTURES)

dist: packages ## make a release of VERSION in dist/: packages, images, notes, SHA256SUMS
	@$(RELEASE) IMAGE_FLAGS='$(IMAGE_FLAGS)' CONTAINER='$(CONTAINER)' deploy/packages/release $(ARCHITECTURES)

clean: ## remove what was built
	rm -rf failover-monitor dist

test: ## run all unit and black-box tests, with the race detector if there is a C compiler
	@if command -v "$$(go env CC)" >/dev/null; then \
		echo "testing with the race detector"; \
		CGO_ENABLED=1 go test -race -shuffle=on -count=1 -parallel=8 ./...; \
	else \
		echo "no C compiler ($$(go env CC)): testing without the race detector"; \
		go test -shuffle=on -count=1 -parallel=8 ./...; \
	fi

lint: ## check formatting, vet, staticcheck and go.mod
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	go vet -tags e2e ./...
	GOOS=darwin go vet ./cmd/... # for the demo
	$(STATICCHECK) -checks all -tags e2e ./...
	go mod tidy -diff
	go mod verify

reproducible: ## check that two clones of this commit, in two folders, build the same binary
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && mkdir "$$dir/elsewhere" && \
	for clone in "$$dir/a" "$$dir/elsewhere/b"; do \
		git clone -q . "$$clone" && $(MAKE) --no-print-directory -C "$$clone" build || exit 1; \
	done && sha256sum "$$dir/a/failover-monitor" "$$dir/elsewhere/b/failover-monitor" && \
	cmp "$$dir/a/failover-monitor" "$$dir/elsewhere/b/failover-monitor"

fuzz: ## look for inputs that break something, FUZZTIME (30s) for each kind
	@for target in statefile:FuzzLoad config:FuzzLoad config:FuzzApps config:FuzzCABundle config:FuzzToken probe:FuzzAnswer monitor:FuzzStep server:FuzzRequests; do \
		go test -run '^$$' -fuzz "^$${target#*:}\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./internal/$${target%:*} || exit; \
	done

soak: ## run the binary for SOAK (10m), with 50 sites that flap; with the race detector if there is a C compiler
	cd internal/e2e/soak && SOAK=$(SOAK) go test -tags e2e -count=1 -timeout 0

simulate: ## run the monitor for 1000 simulated days (DAYS) with faults drawn from a seed (SEED), three minutes
	cd internal/e2e/simulate && GOGC=400 go test -tags e2e -count=1 -timeout 30m $(if $(SEED),-run TestSimulate,-skip TestTable)

simulate-table: ## print false scale-ups and times to 4 replicas by settings, as simulated; 30 days (DAYS) for each row
	@cd internal/e2e/simulate && GOGC=400 go test -tags e2e -count=1 -timeout 0 -run TestTable

bench: build ## measure the binary against the practical limit and other servers; as root, 5 minutes
	@internal/e2e/bench/run

bench-scale: build ## measure how cost grows from 2 to 2000 sites, and with 1000 apps; 8 minutes
	@internal/e2e/bench/run scale

e2e-faults: ## break all around the binary, as root, and print a table of what a poller sees
	@command -v openssl >/dev/null || { apt-get update -q && $(INSTALL) openssl; } </dev/null
	cd internal/e2e/faults && go test -exec 'unshare --mount' -tags e2e -count=1 -parallel 8 -timeout 15m

e2e-predecessor: ## ask odd and sick sites beside the predecessor's client, and print where the verdicts differ
	@dpkg -s python3-requests openssl >/dev/null 2>&1 || { apt-get update -q && $(INSTALL) python3-requests openssl; } </dev/null
	cd internal/e2e/predecessor && go test -tags e2e -count=1 -timeout 5m

e2e-prometheus: ## show /metrics, the alerts, the scrape config and the dashboard's queries to Debian's Prometheus and Alertmanager
	internal/e2e/prometheus/run

e2e-grafana: ## check the dashboard by the rules of Grafana's dashboard-linter
	cd internal/e2e/grafana && go vet ./... && go test -count=1 ./...

e2e-browser: ## show the page to a real browser; installs Debian's chromium if there is none
	@if ! command -v chromium >/dev/null || [ ! -d /usr/share/fonts/truetype ]; then \
		apt-get update -q && $(INSTALL) chromium fonts-dejavu-core; \
	fi </dev/null
	cd internal/e2e/browser && go vet ./... && go test -shuffle=on -count=1 -parallel=8 ./...

e2e-podman: ## build the image with podman and test it in containers; as root
	@internal/e2e/podman/run

e2e-systemd: ## run the units under a real systemd; as root, a minute
	internal/e2e/systemd/run

e2e-packages: ## install, upgrade and remove the packages under a real systemd; as root, two to four minutes, the first time more
	@internal/e2e/packages/run

e2e-quadlet: ## run the Quadlet with podman under a real systemd; as root, five minutes, the first time more
	internal/e2e/systemd/quadlet

e2e-kubernetes: build ## check what kubectl apply -k deploy/kubernetes sends
	cd internal/e2e/kubernetes && go vet ./... && go test -count=1 ./...

e2e-kubelet: ## run deploy/kubernetes in pods of a real kubelet; as root, three minutes, the first time more
	internal/e2e/kubelet/run

e2e-keda: prometheus ## ask the monitor through KEDA's own code, with every file in deploy/keda; KEDA=2.16.1 or all (cold: 10 minutes each)
	internal/e2e/keda/run

e2e-cluster: prometheus ## measure failovers in a real control plane with a real KEDA (50 minutes, cold an hour and a half)
	cd internal/e2e/cluster && go test -count=1 -timeout 150m -v .

prometheus:
	@command -v prometheus >/dev/null || { apt-get update -q && $(INSTALL) prometheus; }
