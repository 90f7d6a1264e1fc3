# The two commands of the README, and what they consist of.

.PHONY: run test tools lint unit outside build sbom audit fuzz crash powercut race-histories faults mutants backup soak

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

outside: ## the built program: the official SDKs, and a small part of each campaign below
	go test -count=1 -p 1 ./test/...

# What is built, and from what. Versions of Go and of modules are pinned in go.mod.

BIN = bin
VERSION = $(shell git describe --always --dirty)

build: ## the program to keep: static, and the same from the same commit
	CGO_ENABLED=0 go build -trimpath -o $(BIN)/ ./cmd/uploadd

sbom: build ## what the program is linked from, and its licences, in CycloneDX
	go tool -modfile=audit.mod cyclonedx-gomod bin -json -licenses -std -noserial -notimestamp \
		-version $(VERSION) -output $(BIN)/uploadd.cdx.json $(BIN)/uploadd

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

backup: ## 50 back-ups under load, restored
	$(campaign) ./test/backup -args -backups=50

soak: crash powercut race-histories faults backup mutants ## all of them
	$(campaign) ./test/start -args -files=1000000

fuzz: ## ten minutes of forms, against the standard library's reader
	go test -run '^$$' -fuzz FuzzAgainstStandardLibrary -fuzztime 10m ./internal/formdata
