// Package house holds the test of the architecture: who may import whom.
package house

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// Each rule says what a room must not import, and why.
var rules = []struct{ room, forbidden, why string }{
	{"uploadd/api", "uploadd/", "the contract depends on nobody, so that everybody can depend on it"},
	{"uploadd/client", "uploadd/internal/", "the client lives outside: what it needs of the server is the contract"},
	{"uploadd/client/transfer", "uploadd/internal/", "as the client"},
	{"uploadd/cmd/upload", "uploadd/internal/", "as the client"},
	{"uploadd/internal/formdata", "uploadd/", "a parser of forms knows nothing of uploads"},
	{"uploadd/internal/server", "uploadd/internal/uploads", "a handler knows the API, not who stands behind it"},
	{"uploadd/internal/server", "uploadd/internal/meta", "as above"},
	{"uploadd/internal/server", "uploadd/internal/blob", "as above"},
	{"uploadd/internal/uploads", "uploadd/internal/", "the domain defines what stores it needs; they come to it"},
	{"uploadd/internal/uploads", "net/http", "the domain does not know how it is asked"},
	{"uploadd/internal/uploads", "database/sql", "nor how its records are kept"},
	{"uploadd/internal/uploads", "modernc.org/", "as above"},
	{"uploadd/internal/uploads", "github.com/jackc/", "as above"},
	{"uploadd/internal/uploads", "uploadd/internal/access", "what a caller may do is decided before the domain is asked"},
	{"uploadd/internal/access", "uploadd/internal/server", "who is let in does not depend on the door"},
	{"uploadd/internal/access", "uploadd/internal/meta", "access defines what store it needs, as the domain does"},
	{"uploadd/internal/access", "net/http", "keys have no wire"},
	{"uploadd/internal/hooks", "uploadd/internal/meta", "hooks define what store they need, as the domain does"},
	{"uploadd/internal/hooks", "uploadd/internal/server", "what is told does not depend on who asks"},
	{"uploadd/internal/hooks", "database/sql", "events do not know how they are kept"},
	{"uploadd/internal/server", "uploadd/internal/access", "a handler holds an API that is cut down already"},
	{"uploadd/internal/server", "uploadd/web", "a page is handed to the server, which knows none"},
	{"uploadd/web", "uploadd/", "the page uses the API as any client does: over HTTP, from a browser"},
	{"uploadd/internal/meta", "net/http", "records have no wire"},
	{"uploadd/internal/meta", "uploadd/internal/blob", "records and bytes meet in the domain alone"},
	{"uploadd/internal/meta", "uploadd/api", "records know the domain, not the wire"},
	{"uploadd/internal/blob", "uploadd/", "bytes are bytes"},
	{"uploadd/internal/conform", "uploadd/", "a referee knows no server from within, and no contract but the published one"},
	{"uploadd/internal/doctor", "uploadd/internal/server", "what a server needs can be tried without one"},
	{"uploadd/internal/jsonl", "uploadd/", "lines of JSON know nothing of uploads"},
	{"uploadd/internal/uploads", "encoding/json", "what content is for, the domain is told"},
	{"uploadd/internal/certs", "uploadd/", "certificates know nothing of uploads"},
	{"uploadd/internal/server", "uploadd/internal/observe", "it tells of requests to whom it is told to"},
	{"uploadd/internal/server", "uploadd/internal/metrics", "as above: who counts comes to what is counted"},
	{"uploadd/internal/server", "github.com/prometheus/", "as above"},
	{"uploadd/internal/meta", "github.com/prometheus/", "as above"},
	{"uploadd/internal/blob", "github.com/prometheus/", "as above"},
	{"uploadd/internal/uploads", "github.com/prometheus/", "as above"},
	{"uploadd/internal/observe", "github.com/prometheus/", "it tells, and does not know whom"},
	{"uploadd/internal/observe", "uploadd/internal/metrics", "as above"},
	{"uploadd/internal/tracing", "uploadd/internal/uploads", "spans know calls by their names"},
	{"uploadd/internal/tracing", "uploadd/internal/meta", "as above"},
	{"uploadd/internal/tracing", "uploadd/internal/blob", "as above"},
}

// Each of these modules is for one room, and those below it.
var confined = []struct{ module, room, why string }{
	{"go.opentelemetry.io/", "uploadd/internal/tracing", "who is told of requests and calls does not matter to those who tell"},
}

// modules lists every module that the programs are linked from, so that a new
// dependency shows in review. ARCHITECTURE.md gives the reason for each direct one.
var modules = strings.Fields(`
	github.com/BurntSushi/toml
	github.com/alecthomas/kong
	github.com/aws/aws-sdk-go-v2
	github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream
	github.com/aws/aws-sdk-go-v2/config
	github.com/aws/aws-sdk-go-v2/credentials
	github.com/aws/aws-sdk-go-v2/feature/ec2/imds
	github.com/aws/aws-sdk-go-v2/internal/configsources
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2
	github.com/aws/aws-sdk-go-v2/internal/v4a
	github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding
	github.com/aws/aws-sdk-go-v2/service/internal/checksum
	github.com/aws/aws-sdk-go-v2/service/internal/presigned-url
	github.com/aws/aws-sdk-go-v2/service/internal/s3shared
	github.com/aws/aws-sdk-go-v2/service/s3
	github.com/aws/aws-sdk-go-v2/service/signin
	github.com/aws/aws-sdk-go-v2/service/sso
	github.com/aws/aws-sdk-go-v2/service/ssooidc
	github.com/aws/aws-sdk-go-v2/service/sts
	github.com/aws/smithy-go
	github.com/beorn7/perks
	github.com/cenkalti/backoff/v5
	github.com/cespare/xxhash/v2
	github.com/coreos/go-systemd/v22
	github.com/dustin/go-humanize
	github.com/go-logr/logr
	github.com/go-logr/stdr
	github.com/google/uuid
	github.com/grpc-ecosystem/grpc-gateway/v2
	github.com/jackc/pgpassfile
	github.com/jackc/pgservicefile
	github.com/jackc/pgx/v5
	github.com/jackc/puddle/v2
	github.com/klauspost/cpuid/v2
	github.com/mfridman/interpolate
	github.com/minio/crc64nvme
	github.com/munnerz/goautoneg
	github.com/pressly/goose/v3
	github.com/prometheus/client_golang
	github.com/prometheus/client_model
	github.com/prometheus/common
	github.com/prometheus/procfs
	github.com/remyoudompheng/bigfft
	github.com/sethvargo/go-retry
	github.com/standard-webhooks/standard-webhooks/libraries
	go.opentelemetry.io/auto/sdk
	go.opentelemetry.io/contrib/bridges/prometheus
	go.opentelemetry.io/otel
	go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp
	go.opentelemetry.io/otel/exporters/otlp/otlptrace
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp
	go.opentelemetry.io/otel/log
	go.opentelemetry.io/otel/metric
	go.opentelemetry.io/otel/sdk
	go.opentelemetry.io/otel/sdk/metric
	go.opentelemetry.io/otel/trace
	go.opentelemetry.io/proto/otlp
	go.uber.org/multierr
	golang.org/x/crypto
	golang.org/x/net
	golang.org/x/sync
	golang.org/x/sys
	golang.org/x/term
	golang.org/x/text
	golang.org/x/time
	google.golang.org/genproto/googleapis/api
	google.golang.org/genproto/googleapis/rpc
	google.golang.org/grpc
	google.golang.org/protobuf
	modernc.org/libc
	modernc.org/mathutil
	modernc.org/memory
	modernc.org/sqlite
`)

type pkg struct {
	ImportPath string
	Imports    []string
	Standard   bool
	Module     *struct{ Path string }
}

func list(t *testing.T, args ...string) (pkgs []pkg) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Standard,Module"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func TestDependencyDirection(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range list(t, "./...") {
		seen[p.ImportPath] = true
		for _, c := range confined {
			for _, imported := range p.Imports {
				if strings.HasPrefix(imported, c.module) && !strings.HasPrefix(p.ImportPath+"/", c.room+"/") {
					t.Errorf("%s imports %s, which is for %s: %s", p.ImportPath, imported, c.room, c.why)
				}
			}
		}
		for _, rule := range rules {
			if p.ImportPath != rule.room {
				continue
			}
			for _, imported := range p.Imports {
				if imported == rule.forbidden || strings.HasSuffix(rule.forbidden, "/") && strings.HasPrefix(imported, rule.forbidden) {
					t.Errorf("%s imports %s: %s", rule.room, imported, rule.why)
				}
			}
		}
	}
	for _, c := range confined {
		if !seen[c.room] {
			t.Errorf("there is a rule for %s, which does not exist", c.room)
		}
	}
	for _, rule := range rules {
		if !seen[rule.room] {
			t.Errorf("there is a rule for %s, which does not exist", rule.room)
		}
	}
}

func TestModules(t *testing.T) {
	allowed := map[string]bool{"uploadd": true}
	for _, m := range modules {
		allowed[m] = true
	}
	used := map[string]bool{}
	for _, p := range list(t, "-deps", "./cmd/...") {
		if p.Standard || p.Module == nil {
			continue
		}
		if used[p.Module.Path] = true; !allowed[p.Module.Path] {
			t.Errorf("%s is linked, and not in the list of modules", p.Module.Path)
			allowed[p.Module.Path] = true // say it once
		}
	}
	for _, m := range modules {
		if !used[m] {
			t.Errorf("%s is in the list of modules, and not linked any more", m)
		}
	}
}
