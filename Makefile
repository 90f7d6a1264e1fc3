# The two commands of the README, and what they consist of.

.PHONY: run test tools lint unit outside fuzz crash powercut race-histories faults mutants backup soak

run: ## serve on 127.0.0.1:8080, data in ./uploadd-data
	go run ./cmd/uploadd serve

test: tools lint unit outside ## everything; sets up what it needs

tools:
	scripts/tools

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'gofmt: the files above are not formatted'; exit 1; }
	go vet ./...
	go tool -modfile=tools.mod staticcheck ./...

# Tests that let one goroutine run at a time: the race detector would see nothing.
alone = ^(TestInterleavings|TestSequences|TestFaults)$$

unit: ## what runs in the process of its test, under the race detector where it helps
	go test -race -skip '$(alone)' $$(go list ./... | grep -v uploadd/test/)
	go test -count=1 -run '$(alone)' ./internal/uploads

outside: ## the built program: the official SDKs, and a small part of each campaign below
	go test -count=1 -p 1 ./test/...

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
