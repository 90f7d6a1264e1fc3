package conform

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"uploadd/internal/conform"
	"uploadd/internal/openaifake"
	"uploadd/test/program"
)

// command runs `uploadd conform` against a URL.
func command(t testing.TB, base, key string, args ...string) (code int, out string) {
	t.Helper()
	return program.Run(t.Context(), append([]string{"conform", "--base-url=" + base, "--key=" + key}, args...)...)
}

func TestCommand(t *testing.T) {
	t.Parallel()
	s := start(t)
	base := s.URL + "/v1"
	fake := openaifake.New(t, "sk-test").URL + "/v1"
	for _, tt := range []struct {
		name, base, key string
		args            string
		code            int
		says            string
	}{
		{"no server", "", s.key, "", 2, "say which server with --base-url or OPENAI_BASE_URL"},
		{"no URL", "localhost", s.key, "", 2, "the base URL must be written like https://"},
		{"no expression", base, s.key, "--only=(", 2, "--only: error parsing regexp"},
		{"no check", base, s.key, "--only=nonsense", 2, "matches no check: see --list"},
		{"no severity", base, s.key, "--fail-on=bad", 2, "'bad' is not a severity"},
		{"no header", base, s.key, "--header=nonsense", 2, "write it like 'Name: value'"},
		{"no parameter", base, s.key, "--query=nonsense", 2, "write it like name=value"},
		{"two formats", base, s.key, "--json --markdown", 2, "--json and --markdown can't be used together"},
		{"nobody there", "http://127.0.0.1:1/v1", s.key, "", 1, "nobody answers at http://127.0.0.1:1/v1"},
		{"a key that is none", base, "sk-wrong-wrong", "", 1, "it does not take the key"},
		{"some checks", base, s.key, "--only=^cancel/", 0, "of 7 checks 7 hold"},
		{"the key of another project", base, s.key, "--only=^auth/other --other-key=" + s.other, 0, "of 3 checks 3 hold"},
		{"a header and a parameter", base, s.key, "--only=^cancel/ --header=X-A:b --query=a=b", 0, "of 7 checks 7 hold"},
		{"differences that are documented", fake, "sk-test", "--only=^files/", 0, "Differences by severity: 4 documented, 1 cosmetic"},
		{"and matter", fake, "sk-test", "--only=^files/ --fail-on=documented", 1, "expected              a status of 4xx"},
		{"a list", "", "", "--list", 0, "complete/order (data)"},
		{"a plan", "", "", "--dry-run", 0, "148 checks, "},
		{"markdown", fake, "sk-test", "--markdown --only=^auth/code", 0, "| `auth/code` | differs | cosmetic |"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, out := command(t, tt.base, tt.key, strings.Fields(tt.args)...)
			if code != tt.code || !strings.Contains(out, tt.says) {
				t.Errorf("exit %d, want %d and %q\n%s", code, tt.code, tt.says, out)
			}
			if tt.key != "" && strings.Contains(out, tt.key) {
				t.Error("the key is in the output")
			}
		})
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	fake := openaifake.New(t, "sk-test").URL + "/v1"
	code, out := command(t, fake, "sk-test", "--json", "--only=^auth/")
	var report struct {
		Server  string
		Summary map[string]int
		Left    []any
		Results []struct {
			ID, Outcome, Severity, Expected, Seen, Reason string
			Source                                        struct{ Basis, URL string }
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 {
		t.Fatalf("exit %d, %v\n%s", code, err, out)
	}
	if report.Server != fake || report.Left == nil || report.Summary["holds"] != 4 || report.Summary["differs"] != 1 || report.Summary["skipped"] != 3 || len(report.Results) != 8 {
		t.Errorf("%+v", report)
	}
	for _, r := range report.Results {
		if r.ID == "" || r.Severity == "" || r.Source.URL == "" || r.Source.Basis == "" || r.Outcome == "differs" && r.Expected == "" || r.Outcome == "skipped" && r.Reason == "" {
			t.Errorf("%+v", r)
		}
	}
}

// TestSecrets lets a server repeat what it was sent, in errors and in headers.
func TestSecrets(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", r.Header.Get("Authorization"))
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusBadRequest)
		}
		json.NewEncoder(w).Encode(map[string]any{"data": []any{}, "error": map[string]any{"message": []any{r.Header, r.URL.RawQuery}}})
	}))
	defer echo.Close()
	for _, format := range []string{"--json", "--markdown", "--fail-on=sdk"} {
		code, out := command(t, echo.URL, "sk-canary-1", format, "--other-key=sk-canary-2", "--header=X-Secret: canary-3", "--query=key=canary-4")
		if code != 1 || strings.Contains(out, "canary-") {
			t.Errorf("%s: exit %d\n%s", format, code, out)
		}
	}
}

// TestBusy answers every third request with 429: a run does as it is told, and
// finds nothing to complain of.
func TestBusy(t *testing.T) {
	t.Parallel()
	s := start(t)
	var n, refused atomic.Int64
	r := &relay{fault: func(c *call, next func(*call) *reply) *reply {
		if n.Add(1)%3 == 0 {
			refused.Add(1)
			a := refusal(http.StatusTooManyRequests)
			a.header.Set("Retry-After", "0")
			return a
		}
		return next(c)
	}}
	passes(t, s.run(t, r, conform.Select(nil, false)))
	if refused.Load() < 100 {
		t.Errorf("only %d requests were refused", refused.Load())
	}
	s.empty(t)
}

// TestKeyStaysHome sends the key of the environment to the server of the environment, and
// to no other.
func TestKeyStaysHome(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer stranger.Close()
	home := openaifake.New(t, "sk-test").URL + "/v1"
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), program.Path(), append([]string{"conform", "--only=^cancel/"}, args...)...)
		cmd.Env = append(os.Environ(), "OPENAI_API_KEY=sk-test", "OPENAI_BASE_URL="+home)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(); err != nil {
		t.Errorf("the server of the environment: %v\n%s", err, out)
	}
	if out, err := run("--base-url=" + stranger.URL); err == nil || !strings.Contains(out, "is not sent there") || asked.Load() != 0 {
		t.Errorf("another server: %v, and it was asked %d times\n%s", err, asked.Load(), out)
	}
}
