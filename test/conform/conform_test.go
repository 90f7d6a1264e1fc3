// Package conform holds the referee to account: uploadd passes every check, every check
// can fail, and nothing of a run is left behind.
package conform

import (
	"flag"
	"regexp"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/blob/s3test"
	"uploadd/internal/conform"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
	"uploadd/test/program"
)

var whole = flag.Bool("whole", false, "run every check against every defect, and not only those of its group")

func TestMain(m *testing.M) { program.Main(m) }

// server is a running uploadd with keys of two projects.
type server struct {
	*program.Server
	key, other string
	stores     []string
}

func start(t testing.TB, stores ...string) *server {
	t.Helper()
	s := &server{Server: program.Start(t, program.Options{Flags: stores}), stores: stores}
	s.key, s.other = s.project(t, "one"), s.project(t, "other")
	return s
}

// project makes a project and returns a key of it.
func (s *server) project(t testing.TB, name string) string {
	t.Helper()
	args := append([]string{"keys", "create", "--data=" + s.Data, "--project=" + name}, s.stores...)
	code, out := program.Run(t.Context(), args...)
	if code != 0 {
		t.Fatalf("keys create: exit %d\n%s", code, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

func (s *server) client(t testing.TB) *client.Client {
	t.Helper()
	return uploadstest.Must(client.New(client.Config{BaseURL: s.URL + "/v1", Key: s.key}))(t)
}

// run runs checks against the server by way of a relay.
func (s *server) run(t testing.TB, r *relay, checks []conform.Check) *conform.Report {
	t.Helper()
	return uploadstest.Must(conform.Run(t.Context(), r.options(s), checks))(t)
}

// passes fails the test on everything but checks that hold.
func passes(t testing.TB, report *conform.Report) {
	t.Helper()
	for i := range report.Results {
		if r := &report.Results[i]; r.Outcome != conform.Holds {
			t.Errorf("%s %s: expected %q, seen %q %q", r.ID, r.Outcome, r.Expected, r.Seen, r.Reason)
		}
	}
	if len(report.Left)+report.UnsureFiles+report.UnsureUploads != 0 {
		t.Errorf("left behind: %v, unsure of %d Files and %d Uploads", report.Left, report.UnsureFiles, report.UnsureUploads)
	}
}

// ofRun is how the names begin that runs give.
var ofRun = regexp.MustCompile("^" + conform.Prefix + "[0-9a-f]{8}-")

// empty fails the test if the server has a File or an open Upload of a run.
func (s *server) empty(t testing.TB) {
	t.Helper()
	files := uploadstest.Must(s.client(t).ListFiles(t.Context(), api.ListQuery{}))(t)
	for _, f := range files.Data {
		if ofRun.MatchString(f.Filename) {
			t.Errorf("there is still %s, %s", f.ID, f.Filename)
		}
	}
	uploads := uploadstest.Must(s.client(t).ListUploads(t.Context(), api.ListQuery{}))(t)
	for _, u := range uploads.Data {
		if u.Status == api.StatusPending && ofRun.MatchString(u.Filename) {
			t.Errorf("there is still %s, %s", u.ID, u.Filename)
		}
	}
}

// TestOwnServer holds uploadd to everything, with nothing between.
func TestOwnServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	args := []string{"conform", "--base-url=" + s.URL + "/v1", "--key=" + s.key, "--other-key=" + s.other, "--large", "--fail-on=cosmetic"}
	code, out := program.Run(t.Context(), args...)
	if code != 0 || !strings.Contains(out, "0 differ, 0 were skipped, 0 could not be tried") || !strings.Contains(out, "Everything that was made has been removed") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if strings.Contains(out, s.key) || strings.Contains(out, s.other) {
		t.Error("a key is in the output")
	}
	s.empty(t)
}

// TestOwnServerShared is the same of one whose stores other nodes may share.
func TestOwnServerShared(t *testing.T) {
	t.Parallel()
	db := postgres.Start(t)
	s3test.Credentials()
	s := start(t, "--meta="+db.Database(), "--blobs="+s3test.Versitygw(t, false).URL("conform", ""))
	passes(t, s.run(t, &relay{}, conform.Select(nil, true)))
	s.empty(t)
}
