# The two commands of the README, and what they consist of.

.PHONY: run test tools lint unit outside build site sbom release latest audit crash powercut race-histories faults mutants conform backup nodes scaling migrate hostile transfer page soak parsers fuzz bench

run: ## serve on 127.0.0.1:8080, data in ./uploadd-data
	go run ./cmd/uploadd serve

test: tools lint unit outside ## everything; sets up what it needs

tools:
	scripts/tools

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'gofmt: the files above are not formatted'; exit 1; }
	go vet ./...
	go tool -modfile=tools.mod staticcheck ./...
	$(gosec) ./...

# gosec, without the rules that find here only what is meant: 103 the alignment of a
# buffer is looked at; 104 errors that change nothing are left out, staticcheck sees
# to the others; 115 sizes are checked where they come in; 304 the paths are the
# operator's; 401, 501 the API's digest is MD5, and nothing is trusted for it.
gosec = go tool -modfile=audit.mod gosec -quiet -exclude-dir=test -exclude=G103,G104,G115,G304,G401,G501

# Tests that let one goroutine run at a time: the race detector would see nothing.
alone = ^(TestInterleavings|TestSequences|TestFaults)$$

unit: ## what runs in the process of its test, under the race detector where it helps
	go test -race -skip '$(alone)' $$(go list ./... | grep -v uploadd/test/)
	go test -count=1 -run '$(alone)' ./internal/uploads

# Tests that leave a machine to others while they wait; the campaigns want it for themselves.
sharing = %/conform %/docs %/doctor %/hooks %/metrics %/sdk %/supply %/tracing
outsiders = $(shell go list ./test/...)

outside: ## the built program: the official SDKs, and a small part of each campaign below
	go test -count=1 -p 2 $(filter $(sharing),$(outsiders))
	go test -count=1 -p 1 $(filter-out $(sharing),$(outsiders))

# What is built, and from what. Versions of Go and of modules are pinned in go.mod.

BIN = bin
VERSION = $(shell git describe --always --dirty)

build: ## the program to keep: static, and the same from the same commit
	CGO_ENABLED=0 go build -trimpath -o $(BIN)/ ./cmd/...

site: ## the documentation site, in dist/site
	scripts/site

sbom: build ## what the program is linked from, and its licences, in CycloneDX
	go tool -modfile=audit.mod cyclonedx-gomod bin -json -licenses -std -noserial -notimestamp \
		-version $(VERSION) -output $(BIN)/uploadd.cdx.json $(BIN)/uploadd

release: ## archives for every platform in dist/, with checksums and bills of materials
	scripts/release

latest: ## the tests of unit, with the newest version of every dependency, in a copy
	scripts/latest

audit: ## known vulnerabilities that the program can run into; asks vuln.go.dev, or VULNDB=file:///…
	go tool -modfile=audit.mod govulncheck $(if $(VULNDB),-db $(VULNDB)) ./...

# The campaigns, whole. RELIABILITY.md says what each last showed.

campaign = go test -count=1 -v -timeout 3h

crash: ## 1,000 kills and 200 stops under load, and a kill in front of every change of two lives
	$(campaign) ./test/crash -args -kills=1000 -stops=200 -every=1

powercut: ## 2,000 losses of power, and 5,000 crash images
	$(campaign) ./test/powercut -args -cuts=2000 -images=5000

race-histories: ## 10,000 histories, every interleaving of two with a crash at each step, 5,000 sequences
	$(campaign) ./test/histories -args -histories=10000
	$(campaign) -run '$(alone)' ./internal/uploads -args -interleavings=all -triples=20000 -sequences=5000

faults: ## full disks, and each system call failing in turn
	$(campaign) ./test/faults -args -calls=300

mutants: ## plants every known mistake, and says which test notices
	$(campaign) -run Caught ./test/mutants -args -plant=all

conform: ## every check of uploadd conform against every defect, and which of them notice
	$(campaign) -run EveryCheckCanFail ./test/conform -args -whole

backup: ## 50 back-ups under load, restored
	$(campaign) ./test/backup -args -backups=50

hostile: ## 22,000 slow clients beside honest ones, and what ends them
	$(campaign) -run 'TestSlowClients$$' ./test/hostile -args -slow=22000 -slowtime=60s -slowpause=60s -honest=50
	$(campaign) -run TestSlowClientsEnd ./test/hostile -args -reap=60s
	$(campaign) -run TestHTTP2 ./internal/server -args -frames=100000
	$(campaign) -run TestAbuse ./test/tenants -args -cycles=1000 -abusers=64

nodes: ## three nodes on PostgreSQL and a bucket: faults of each kind, races, fail-overs
	$(campaign) ./test/nodes -args -rounds=20 -failovers=20 -races=1000 -cleanings=50 -expirations=200 -starters=20
	$(campaign) -run OnPairs ./internal/uploads -args -pair-sequences=1000

scaling: ## what records cost a database, with a million files, and nodes that share one
	$(campaign) -run 'Sizes|Plans' ./test/scaling -args -files=1000000
	$(campaign) -run 'Model|Table' ./test/scaling -args -for=10s -nodes=1000
	$(campaign) -run '^$$' -bench Flush -benchtime 1x ./test/scaling -args -for=10s

migrate: ## every pair of stores, 500 kills, a million files
	$(campaign) ./test/migrate -args -hops=16 -kills=500 -lives=10 -files=1000000

transfer: ## connections cut at every byte of an upload, 500 kills of the sender, 1,000 of a download
	$(campaign) -run 'Cut|Storms' ./client/transfer -args -cut-every=1 -storms=1000
	$(campaign) ./test/transfer -args -kills=500
	$(campaign) -run GetKilled ./test/upload -args -kills=1000

page: ## 8 GiB from a browser over a connection that is cut, and a million files; needs 35 GB
	$(campaign) ./test/web -run Resume -args -mib=8192
	$(campaign) ./test/web -run Many -args -files=1000000

soak: crash powercut race-histories faults backup nodes migrate hostile transfer mutants ## all of them
	$(campaign) ./test/start -args -files=1000000

parsers: ## 10^8 forms, and 10^7 inputs for each other parser
	$(campaign) -run AgainstStandardLibrary ./internal/formdata -args -forms=100000000
	$(campaign) -run TestParsers ./internal/server -args -inputs=10000000

fuzztime = 5m

fuzz: ## each parser for $(fuzztime), guided by coverage
	for f in AgainstStandardLibrary Boundary; do \
		go test -run '^$$' -fuzz "^Fuzz$$f$$" -fuzztime $(fuzztime) ./internal/formdata || exit; done
	for f in JSON Range Digest Framing Credentials List Disposition ID; do \
		go test -run '^$$' -fuzz "^Fuzz$$f$$" -fuzztime $(fuzztime) ./internal/server || exit; done
	go test -run '^$$' -fuzz '^FuzzScan$$' -fuzztime $(fuzztime) ./internal/jsonl

bench: tools ## the table of BENCHMARKS.md, on an idle machine; or only rows=parts,download,…; or scale=quick
	scripts/bench-tools
	$(campaign) ./test/bench -args -scale=$(or $(scale),full) -peers=$(CURDIR)/.cache/bench \
		$(if $(rows)$(scale),-rows=$(rows),-write=$(CURDIR)/BENCHMARKS.md)
