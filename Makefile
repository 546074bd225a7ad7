# Postrider. `make` alone lists the targets; CONTRIBUTING.md says more.

STAGES  := ingest fanout deliver retry dlq
TOOLS   := postrider
VERSION := $(shell git describe --always --abbrev=12 --dirty 2>/dev/null || echo unknown)
# Static, and the same bytes wherever a commit is built.
BUILD   := CGO_ENABLED=0 go build -trimpath -ldflags '-buildid= -X github.com/postrider/postrider/shared/service.Version=$(VERSION)'
OUT     ?= bin

# The linter is also the formatter: gofumpt and goimports are built into it.
LINTER         := github.com/golangci/golangci-lint/v2
LINTER_VERSION := v2.15.0

# Further tools, built or fetched where they are used.
ACTIONLINT_VERSION := v1.7.12
VULNCHECK_VERSION  := v1.8.0

# The race detector needs a C compiler. Without one `make test` says so and tests without it.
RACE = $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)
# How often `make race` repeats every test.
COUNT ?= 5

# For how long `make fuzz` tries each target.
FUZZTIME ?= 2s

# Where shared/embedded looks for PostgreSQL's server programs, after PATH.
PG_DIRS = $(shell pg_config --bindir 2>/dev/null) $(wildcard /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
  /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin /Applications/Postgres.app/Contents/Versions/*/bin)

export PATH := $(CURDIR)/.tools:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run test fuzz test-upgrade test-deploy test-browser screenshots compose-test race conformance fmt lint build programs reproducible vulnerabilities bench scenario chaos postgres chromium promtool tools clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' Makefile

# A terminal sends Ctrl-C to its whole foreground group, and make would end as killed by it. So in the foreground (state
# +) job control makes the program a group of its own: it alone is interrupted, and make reports its exit code.
run: $(if $(POSTRIDER_DATABASE_URL),,postgres) ## run everything on this machine; Ctrl-C stops it
	$(BUILD) -o bin/local ./deploy/local
	@state() { ps -o stat= -p $$$$ 2>/dev/null || awk '$$5 == $$8 { print "+" }' /proc/$$$$/stat; }; \
	case "$$(state)" in *+*) set -m; ./bin/local;; *) exec ./bin/local;; esac

test: postgres lint ## check and test everything, as the build machine does
	$(if $(RACE),,@echo 'No C compiler found: testing without the race detector.')
	go test $(RACE) -shuffle=on -timeout 12m ./...
	FUZZTIME=2s .ci/fuzz
	go run ./bench/chaos -dir '' -loss-only -seed 336 -rate 60 -for 28s -settle 0s kill

fuzz: ## look for inputs that break something (FUZZTIME=10m for each target; without, 2s)
	FUZZTIME=$(FUZZTIME) .ci/fuzz

test-upgrade: postgres ## run the previous version beside this one, a part of make test
	go test -count=1 -run 'TestUpgrade|TestUnknownFormat' -v ./deploy/e2e

# -count=1: what is checked lies outside of that module, where go test does not notice that it has changed.
test-deploy: postgres promtool ## check image, compose file, chart, rules and dashboards; needs neither docker nor a cluster
	cd deploy/check && go vet ./... && go test -count=1 -timeout 10m ./...

# -count=1: the pages lie outside of that module. CHROMIUM names another browser than the one that is found.
test-browser: postgres chromium ## test portal and console in a real browser (Chromium)
	cd deploy/browser && go vet ./... && go test -count=1 -timeout 10m ./...

screenshots: postgres chromium ## make pictures of every page, in both themes and sizes (DIR=folder; without, bin/screenshots)
	cd deploy/browser && go test -count=1 -timeout 10m -run TestPages -args -screenshots '$(or $(abspath $(DIR)),$(CURDIR)/bin/screenshots)'

# Where there is no docker it says so, and ends with 2: it is not a part of make test.
compose-test: ## build the image, start the compose file beside whatever runs, and deliver an event
	deploy/compose/test

race: postgres ## repeat all tests with the race detector (COUNT=5)
	go test -race -shuffle=on -count=$(COUNT) -timeout 60m ./...

conformance: postgres ## run published client libraries against the whole system
	go run ./deploy/conformance

fmt: tools ## format the code
	golangci-lint fmt

lint: tools ## check formatting, vet, lint, go.mod, workflows and the house rules
	golangci-lint fmt --diff
	go vet ./...
	golangci-lint run
	cd deploy/conformance/go && golangci-lint run
	cd deploy/check && golangci-lint run
	cd deploy/browser && golangci-lint run
	go mod tidy -diff
	go run github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)
	go test -count=1 ./shared/house

build: programs sample ## put static programs into ./bin (OUT=folder)
	$(BUILD) -o $(OUT)/ ./deploy/local ./bench/load
	$(BUILD) -o $(OUT)/bench ./bench/report

programs: # those of an installation, which are released
	$(BUILD) -o $(OUT)/ $(foreach s,$(STAGES),./$s/cmd/$s) $(foreach t,$(TOOLS),./deploy/$t)

sample: # a receiver to try things out with
	$(BUILD) -o $(OUT)/ ./bench/sink

# In folders of different names and with nothing from a cache.
reproducible: ## build this commit twice and compare the bytes
	@d=$$(mktemp -d) && trap 'chmod -R u+w "$$d"; rm -rf "$$d"' EXIT && for n in one two/deeper; do \
	git clone -q . "$$d/$$n" && GOCACHE="$$d/cache/$$n" $(MAKE) --no-print-directory -C "$$d/$$n" programs OUT=out || exit 1; done && \
	diff -r "$$d/one/out" "$$d/two/deeper/out" && echo 'The same bytes both times.'

vulnerabilities: ## look for known vulnerabilities in what the programs call
	@out=$$(go run golang.org/x/vuln/cmd/govulncheck@$(VULNCHECK_VERSION) ./... 2>&1); code=$$?; echo "$$out"; \
	case "$$code $$out" in "0 "*) ;; *"exit status 3"*) exit 1;; \
	*) echo 'NOT CHECKED: govulncheck did not get so far; it needs its database, https://vuln.go.dev.' >&2; exit 2;; esac

bench: postgres ## measure the pipeline on this machine
	go run ./bench/report $(ARGS)

# All of them take an hour and a quarter.
NAME ?= all
scenario: postgres ## measure what fair delivery promises (NAME=limit; without, all)
	go run ./bench/scenario $(ARGS) $(NAME)

# All of them take half an hour.
chaos: postgres ## prove that nothing is lost (NAME=kill SEED=7 FOR=3m; without, all faults, a seed at random)
	go run ./bench/chaos $(if $(SEED),-seed $(SEED)) $(if $(FOR),-for $(FOR)) $(ARGS) $(NAME)

clean: ## remove what was built, not the data
	rm -rf bin .tools

# Debian's package also makes and starts a server on port 5432; the setting keeps it from that, and goes again.
postgres: ## install PostgreSQL's server programs where there are none
	@IFS=:; dirs="$$PATH:$(subst $() ,:,$(PG_DIRS))"; for d in $$dirs; do [ ! -x "$$d/initdb" ] || [ ! -x "$$d/postgres" ] || exit 0; done; \
	root=sudo; [ "$$(id -u)" != 0 ] || root=; has() { command -v "$$1" >/dev/null; }; c=/etc/postgresql-common/createcluster.d; \
	if has apt-get; then cmd="trap 'rm $$c/postrider.conf' EXIT; mkdir -p $$c && echo create_main_cluster=off >$$c/postrider.conf && \
	apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql"; \
	elif has dnf; then cmd="dnf install -y postgresql-server"; \
	elif has brew; then cmd="brew install postgresql@17"; root=; \
	else echo "No PostgreSQL server programs (initdb, postgres) here, and no apt-get, dnf or brew to install them with: please install PostgreSQL 14 or newer." >&2; exit 1; fi; \
	if [ "$$root" ] && ! has sudo; then echo "No PostgreSQL server programs (initdb, postgres) here: please run as root: $$cmd" >&2; exit 1; fi; \
	echo "No PostgreSQL server programs (initdb, postgres) here; installing them: $$root $$cmd"; \
	$$root sh -c "$$cmd"

# Debian's packages also start servers, so they are only unpacked. Lists of packages that are old or missing are fetched.
promtool: # put what checks the files of Prometheus and Alertmanager into ./.tools where it is missing
	@has() { command -v "$$1" >/dev/null; }; want=; has promtool || want=prometheus; has amtool || want="$$want prometheus-alertmanager"; \
	[ "$$want" ] || exit 0; if ! has apt-get || ! has dpkg-deb; then \
	echo 'No promtool or amtool here, and no apt-get and dpkg-deb to unpack them with: please install Prometheus and Alertmanager (brew install prometheus alertmanager).' >&2; exit 1; fi; \
	root=sudo; [ "$$(id -u)" != 0 ] || root=; d=$$(mktemp -d) && trap 'rm -rf "$$d"' EXIT && chmod 755 "$$d" && cd "$$d" && \
	echo "No promtool or amtool here; unpacking Debian's $$want into .tools." && \
	{ apt-get download $$want 2>/dev/null || { $$root apt-get update && apt-get download $$want; }; } && \
	for p in *.deb; do dpkg-deb -x "$$p" . || exit 1; done && mkdir -p '$(CURDIR)/.tools' && \
	for p in promtool amtool; do [ ! -e usr/bin/$$p ] || cp usr/bin/$$p '$(CURDIR)/.tools/'; done

chromium: # install Chromium where there is no browser that the tests can drive
	@[ ! "$(CHROMIUM)" ] || exit 0; for b in chromium chromium-browser google-chrome google-chrome-stable headless-shell \
	/Applications/Chromium.app/Contents/MacOS/Chromium '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'; do ! command -v "$$b" >/dev/null || exit 0; done; \
	root=sudo; [ "$$(id -u)" != 0 ] || root=; has() { command -v "$$1" >/dev/null; }; \
	if has apt-get; then cmd='DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium'; cmd="$$cmd || { apt-get update && $$cmd; }"; \
	elif has dnf; then cmd='dnf install -y chromium'; elif has brew; then cmd='brew install --cask chromium'; root=; \
	else echo 'No Chromium here, and no apt-get, dnf or brew to install it with: please install Chromium or Chrome.' >&2; exit 1; fi; \
	if [ "$$root" ] && ! has sudo; then echo "No Chromium here: please run as root: $$cmd" >&2; exit 1; fi; \
	echo "No Chromium here; installing it: $$root $$cmd"; $$root sh -c "$$cmd"

# Built by this Go and of this version, or built anew: a linter older than the compiler cannot read its packages.
tools: ## build the linter into ./.tools where it is missing or another version
	@f=$$(command -v golangci-lint) && i=$$(go version -m "$$f" 2>/dev/null) && \
	case $$i in *"$$(go env GOVERSION)"*"$(LINTER)	$(LINTER_VERSION)"*) exit 0;; esac; \
	echo 'Building golangci-lint $(LINTER_VERSION) into .tools; this takes some minutes, once.'; \
	GOBIN='$(CURDIR)/.tools' go install $(LINTER)/cmd/golangci-lint@$(LINTER_VERSION)
