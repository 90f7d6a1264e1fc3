# The two commands of the README, and what they consist of.

.PHONY: run test tools lint unit sdk fuzz

run: ## serve on 127.0.0.1:8080, data in ./uploadd-data
	go run ./cmd/uploadd serve

test: tools lint unit sdk ## everything; sets up what it needs

tools:
	scripts/tools

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'gofmt: the files above are not formatted'; exit 1; }
	go vet ./...
	go tool -modfile=tools.mod staticcheck ./...

unit: ## all suites but the SDKs', under the race detector
	go test -race $$(go list ./... | grep -v /test/sdk)

sdk: ## the official SDKs against the built binary
	go test -count=1 ./test/sdk/...

fuzz: ## ten minutes of forms, against the standard library's reader
	go test -run '^$$' -fuzz FuzzAgainstStandardLibrary -fuzztime 10m ./internal/formdata
