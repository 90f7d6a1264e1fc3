// Package metrics reads what the program tells Prometheus, as anybody would, and has a
// real Prometheus read it too: with the rules and the dashboard of deploy.
package metrics

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
	"uploadd/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// measured is a server, and where it serves its metrics.
type measured struct {
	*program.Server
	address string
}

func start(t *testing.T, flags ...string) measured {
	t.Helper()
	address := freeAddress(t)
	return measured{program.Start(t, program.Options{Flags: append(flags, "--metrics-listen="+address)}), address}
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l := uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	return l.Addr().String()
}

// use has the server do something of each kind, and refuse something.
func (m measured) use(ctx context.Context) error {
	u, err := m.CreateUpload(ctx, api.CreateUploadRequest{Filename: "secret-name.jsonl", Purpose: "user_data", Bytes: 100_000, MimeType: "text/plain"})
	if err != nil {
		return err
	}
	p, err := m.AddPart(ctx, u.ID, strings.NewReader(strings.Repeat("x", 100_000)))
	if err != nil {
		return err
	}
	done, err := m.CompleteUpload(ctx, u.ID, api.CompleteUploadRequest{PartIDs: []string{p.ID}})
	if err != nil {
		return err
	}
	content, err := m.OpenFile(ctx, done.File.ID)
	if err != nil {
		return err
	}
	if _, err = io.Copy(io.Discard, content); err != nil {
		return err
	}
	content.Close()
	if _, err = m.DeleteFile(ctx, done.File.ID); err != nil {
		return err
	}
	if _, err = m.GetFile(ctx, done.File.ID); err == nil {
		return io.ErrUnexpectedEOF // it is deleted
	}
	return nil
}

// The metrics are on a listener of their own, for the programs of this machine if that is
// on a loopback address, and answer until the end.
func TestListener(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, tt := range []struct {
		method, url, host, site string
		status                  int
	}{
		{"GET", "http://" + s.address + "/metrics", "", "", 200},
		{"GET", "http://" + s.address + "/metrics", "localhost", "", 200},
		{"HEAD", "http://" + s.address + "/metrics", "", "", 200},
		{"POST", "http://" + s.address + "/metrics", "", "", 405},
		{"GET", "http://" + s.address + "/", "", "", 404},
		{"GET", "http://" + s.address + "/debug/pprof/", "", "", 404},
		{"GET", "http://" + s.address + "/v1/files", "", "", 404},
		{"GET", "http://" + s.address + "/metrics", "attacker.example", "", 403},
		{"GET", "http://" + s.address + "/metrics", "", "cross-site", 403},
		{"GET", s.URL + "/metrics", "", "", 404},
		{"GET", s.URL + "/v1/metrics", "", "", 404},
	} {
		r := uploadstest.Must(http.NewRequest(tt.method, tt.url, nil))(t)
		if r.Host = tt.host; tt.site != "" {
			r.Header.Set("Sec-Fetch-Site", tt.site)
		}
		resp := uploadstest.Must(http.DefaultClient.Do(r))(t)
		resp.Body.Close()
		if h := resp.Header; resp.StatusCode != tt.status || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Cache-Control"), "no-store") {
			t.Errorf("%s %s of %q from %q: status %d, want %d; %v", tt.method, tt.url, tt.host, tt.site, resp.StatusCode, tt.status, h)
		}
	}
	s.answersUntilTheEnd(t)
	code, out := program.Run(t.Context(), "serve", "--listen=127.0.0.1:0", "--data="+t.TempDir(), "--metrics-listen=127.0.0.1:99999")
	if code != 1 || !strings.Contains(out, "--metrics-listen=127.0.0.1:99999: ") {
		t.Errorf("an address that cannot be: exit %d, %s", code, out)
	}
}

// answersUntilTheEnd asks for the metrics while a Part is on its way to a server that is
// to stop.
func (m measured) answersUntilTheEnd(t *testing.T) {
	t.Helper()
	u := uploadstest.Must(m.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "user_data", Bytes: 6, MimeType: "text/plain"}))(t)
	feed, hold := io.Pipe()
	held := make(chan error, 1)
	go func() {
		_, err := m.AddPart(context.Background(), u.ID, feed)
		held <- err
	}()
	io.WriteString(hold, "abc")
	m.wait(t, "uploadd_parts_in_flight 1", "uploadd_http_requests_in_flight 1", "uploadd_open_uploads 1", "uploadd_reserved_bytes 6")
	stopped := make(chan error, 1)
	go func() { stopped <- m.Stop() }()
	for { // until the public port is closed
		conn, err := net.Dial("tcp", strings.TrimPrefix(m.URL, "http://"))
		if err != nil {
			break
		}
		conn.Close()
		time.Sleep(10 * time.Millisecond)
	}
	m.wait(t, "uploadd_parts_in_flight 1")
	io.WriteString(hold, "def")
	hold.Close()
	if err := <-held; err != nil {
		t.Errorf("the part in flight: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

// wait waits until the metrics have all of the lines.
func (m measured) wait(t *testing.T, lines ...string) {
	t.Helper()
	var text string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		text = m.scrape(t)
		if !slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(text, "\n"+line+"\n") }) {
			return
		}
	}
	name, _, _ := strings.Cut(lines[0], " ")
	t.Fatalf("the metrics do not come to %q: %q", lines, regexp.MustCompile("(?m)^"+regexp.QuoteMeta(name)+".*$").FindAllString(text, -1))
}

// All that is counted is counted in the program: each part of it is told of what the
// others are.
func TestCounted(t *testing.T) {
	t.Parallel()
	s := start(t)
	if err := s.use(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wait(t,
		`uploadd_http_requests_total{code="200",method="POST",route="/uploads/{id}/parts"} 1`,
		`uploadd_http_requests_total{code="404",method="GET",route="/files/{id}"} 1`,
		`uploadd_http_sent_bytes_total{route="/files/{id}/content"} 100000`,
		`uploadd_store_duration_seconds_count{op="add_part",store="meta"} 1`,
		`uploadd_store_duration_seconds_count{op="put",store="blobs"} 1`,
		`uploadd_store_errors_total{op="file",store="meta"} 0`,
		"uploadd_flush_duration_seconds_count 1",
		"uploadd_parts_in_flight 0", "uploadd_http_requests_in_flight 0", "uploadd_files 0", "uploadd_open_uploads 0", "uploadd_stored_bytes 0")
	if strings.Contains(s.scrape(t), "\nuploadd_commit_steps_total 0\n") {
		t.Error("no step was committed")
	}
}

// The commands of the page work as printed, apart from the addresses.
func TestCommands(t *testing.T) {
	t.Parallel()
	m := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(read(t, "docs/metrics.md"))
	if m == nil {
		t.Fatal("docs/metrics.md has no commands")
	}
	script := strings.ReplaceAll(m[1], "127.0.0.1:9464", freeAddress(t))
	cmd := exec.Command("sh", "-euc", "trap 'kill $!; wait' EXIT\n"+script)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program.Path())+":"+os.Getenv("PATH"), "UPLOADD_LISTEN=127.0.0.1:0")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "\nuploadd_ready 1\n") {
		t.Errorf("%v:\n%s\n%s", err, script, out)
	}
}

// Damage that a download finds, and a blob that is gone, are counted.
func TestDamage(t *testing.T) {
	t.Parallel()
	s := start(t)
	data := strings.NewReader(strings.Repeat("x", 100_000))
	f := uploadstest.Must(s.CreateFile(t.Context(), data, func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "f", Purpose: "user_data"}, nil
	}))(t)
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // which does not ask again
	download := func() {
		t.Helper()
		resp, err := once.Get(s.URL + "/v1/files/" + f.ID + "/content")
		if err != nil {
			return // broken off before there was anything to send
		}
		defer resp.Body.Close()
		if n, err := io.Copy(io.Discard, resp.Body); err == nil && resp.StatusCode == http.StatusOK {
			t.Errorf("%d bytes of a damaged file were read", n)
		}
	}
	stored := program.Stored(t, s.Data)
	if len(stored) != 1 {
		t.Fatalf("the file is stored in %v", stored)
	}
	if err := os.WriteFile(stored[0], []byte(strings.Repeat("y", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	download()
	s.wait(t, "uploadd_damage_found_total 1")
	if err := os.Remove(stored[0]); err != nil {
		t.Fatal(err)
	}
	download()
	s.wait(t, "uploadd_damage_found_total 2")
}

// While the database is away the metrics are served all the same, without what is in it.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	db := postgres.Start(t)
	s := start(t, "--meta="+db.Database(), "--blobs="+t.TempDir())
	if err := s.use(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wait(t, "uploadd_ready 1", "uploadd_files 0", "uploadd_commit_errors_total 0")
	db.Stop()
	s.wait(t, "uploadd_ready 0")
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // what was seen last may be told for a moment
		text := s.scrape(t)
		if !strings.Contains(text, "\nuploadd_files ") && !strings.Contains(text, "\nuploadd_totals_errors_total 0\n") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the metrics still have what is kept:\n%s", text)
		}
	}
	db.Restart()
	s.wait(t, "uploadd_ready 1", "uploadd_files 0")
}

// background uses the server until the test is over, and reports what fails.
func (m measured) background(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var using sync.WaitGroup
	using.Go(func() {
		for ctx.Err() == nil {
			if err := m.use(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	return func() {
		cancel()
		using.Wait()
	}
}
