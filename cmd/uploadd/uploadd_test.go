package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads/uploadstest"
)

// TestMain lets the test binary be the program, so that a test can kill it.
func TestMain(m *testing.M) {
	if os.Getenv("BE_UPLOADD") != "" {
		main()
	}
	os.Exit(m.Run())
}

// invoke runs the program to its end.
func invoke(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a server that should have been refused
	defer cancel()
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// process is a server in a process of its own.
type process struct {
	*client.Client
	cmd  *exec.Cmd
	once sync.Once
}

var firstLine = regexp.MustCompile(`^uploadd listens on (http://127\.0\.0\.1:\d+/v1) and keeps its data in (/.*)\n$`)

func start(t testing.TB, data string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], append([]string{"serve", "--listen=127.0.0.1:0", "--data=" + data, "--quiet"}, args...)...)}
	p.cmd.Env = append(os.Environ(), "BE_UPLOADD=1")
	p.cmd.Stderr = t.Output()
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	line, _ := bufio.NewReader(out).ReadString('\n')
	m := firstLine.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("the first line is %q", line)
	}
	if want := uploadstest.Must(filepath.Abs(data))(t); m[2] != want {
		t.Errorf("the data is said to be in %s, want %s", m[2], want)
	}
	p.Client = uploadstest.Must(client.New(client.Config{BaseURL: m[1], Key: "any"}))(t)
	return p
}

func (p *process) kill() {
	p.once.Do(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
}

func upload(t testing.TB, a api.API, bytes int64) string {
	t.Helper()
	return uploadstest.Must(a.CreateUpload(t.Context(), api.CreateUploadRequest{
		Filename: "f.txt", Purpose: "user_data", Bytes: bytes, MimeType: "text/plain"}))(t).ID
}

func TestServe(t *testing.T) {
	data := filepath.Join(t.TempDir(), "a", "data")
	p := start(t, data)
	id := upload(t, p, 6)
	part := func(s string) string {
		return uploadstest.Must(p.AddPart(t.Context(), id, strings.NewReader(s)))(t).ID
	}
	p1, p2 := part("abc"), part("def")

	code, _, stderr := invoke(t, "serve", "--listen=127.0.0.1:0", "--data", data)
	if code != 1 || !strings.Contains(stderr, "is in use by another uploadd") {
		t.Errorf("a second server on the same directory: exit %d, %q", code, stderr)
	}
	if code, stdout, _ := invoke(t, "check", "--read-data", "--data", data); code != 0 || !strings.Contains(stdout, "0 files, 2 parts, 6 B read: 0 faults") {
		t.Errorf("check: exit %d, %q", code, stdout)
	}
	// A part in flight outlives the request to stop.
	feed, hold := io.Pipe()
	held := make(chan error, 1)
	go func() {
		_, err := p.AddPart(context.Background(), id, feed)
		held <- err
	}()
	io.WriteString(hold, "gh")
	time.Sleep(100 * time.Millisecond) // the request is on its way
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	io.WriteString(hold, "i")
	hold.Close()
	if err := <-held; err != nil {
		t.Errorf("the part in flight: %v", err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("stopped with %v", err)
	}

	p = start(t, data)
	done := uploadstest.Must(p.CompleteUpload(t.Context(), id, api.CompleteUploadRequest{PartIDs: []string{p2, p1}}))(t)
	if got := uploadstest.Read(t, p, done.File.ID); string(got) != "defabc" {
		t.Errorf("read %q", got)
	}
	if code, stdout, _ := invoke(t, "gc", "--data", data); code != 0 || !strings.Contains(stdout, "1 blobs, 3 B: 0 of them are due") {
		t.Errorf("gc: exit %d, %q", code, stdout) // the part that was not named
	}
	if code, stdout, _ := invoke(t, "gc", "--now", "--data", data); code != 0 || !strings.Contains(stdout, "removed from the bin") {
		t.Errorf("gc --now: exit %d, %q", code, stdout)
	}
	change(t, data, `UPDATE small_blobs SET data = CAST('abd' AS BLOB) WHERE key = $1`, p1)
	if code, stdout, _ := invoke(t, "check", "--data", data); code != 0 {
		t.Errorf("check without reading: exit %d, %q", code, stdout)
	}
	if code, stdout, _ := invoke(t, "check", "--read-data", "--data", data); code != 1 || !strings.Contains(stdout, "part "+p1+" of "+done.File.ID) {
		t.Errorf("check: exit %d, %q", code, stdout)
	}
	c := uploadstest.Must(p.OpenFile(t.Context(), done.File.ID))(t)
	defer c.Close()
	if b, err := io.ReadAll(c); err == nil || len(b) >= 6 {
		t.Errorf("a damaged file was read: %q, %v", b, err)
	}
}

// change runs a statement that changes one row of the records, behind the server's back.
func change(t *testing.T, data, statement string, args ...any) {
	t.Helper()
	db := uploadstest.Must(sql.Open("sqlite", "file:"+database(data)+"?_pragma=busy_timeout(10000)"))(t)
	defer db.Close()
	res := uploadstest.Must(db.Exec(statement, args...))(t)
	if n, err := res.RowsAffected(); n != 1 || err != nil {
		t.Fatalf("%s: %d rows changed, %v", statement, n, err)
	}
}

func TestExpiryInService(t *testing.T) {
	data := t.TempDir()
	p := start(t, data, "--upload-ttl=4s") // whole seconds: a part must fit in, on a slow machine too
	id := upload(t, p, blob.SmallSize)
	uploadstest.Must(p.AddPart(t.Context(), id, bytes.NewReader(make([]byte, blob.SmallSize))))(t)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		blobs := uploadstest.Must(filepath.Glob(filepath.Join(data, "blobs", "*", "*")))(t)
		if len(blobs) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("still on the disk: %v", blobs)
		}
	}
	if u := uploadstest.Must(p.GetUpload(t.Context(), id))(t); u.Status != api.StatusExpired {
		t.Errorf("status %s", u.Status)
	}
}

func TestUsage(t *testing.T) {
	empty := t.TempDir()
	for _, tt := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"", 0, "Your own OpenAI Uploads and Files API", ""},
		{"--help", 0, "uploadd serve", ""},
		{"serve --help", 0, "$UPLOADD_LISTEN", ""},
		{"version", 0, "uploadd ", ""},
		{"frobnicate", 2, "", "unexpected argument frobnicate"},
		{"serve --nonsense", 2, "", "unknown flag --nonsense"},
		{"serve --max-part=lots", 2, "", "'lots' is not a size: write it like 64MiB"},
		{"serve --validate=batch,nonsense", 2, "", "--validate must be"},
		{"doctor --patience=0s --data " + empty, 1, "", "--patience=0s: it must be more than nothing"},
		{"doctor --meta=mysql://db --data " + empty, 1, "", "write it like postgres://"},
		{"serve --upload-ttl=10ms --data " + empty, 1, "", "it must be at least 1s"},
		{"serve --listen=0.0.0.0:0 --data " + empty, 1, "", "uploadd keys create --project NAME --data " + empty},
		{"serve --listen=:8080 --data " + empty, 1, "", "there is no key to tell them apart"},
		{"serve --listen=nonsense --data " + empty, 1, "", "missing port in address"},
		{"check --data " + empty, 1, "", "holds no data of uploadd"},
		{"gc --data " + empty, 1, "", "holds no data of uploadd"},
		{"keys list --data " + empty, 1, "", "holds no data of uploadd"},
		{"keys create --project=a/b --data " + empty, 1, "", "'a/b' cannot name a project"},
		{"keys create --project=a --scope=upload,read --data " + empty, 2, "", "the scope upload stands alone"},
		{"keys create --project=a --expires=99999999d --data " + empty, 2, "", "more than a hundred years"},
		{"keys create --project=a --expires=soon --data " + empty, 2, "", "write it like 90d or 12h"},
		{"projects limit a --max-bytes=lots --data " + empty, 2, "", "write it like 500GB, or none"},
		{"projects limit a --max-files=-1 --data " + empty, 2, "", "write it like 10000, or none"},
	} {
		code, stdout, stderr := invoke(t, strings.Fields(tt.args)...)
		if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("uploadd %s: exit %d, stdout %q, stderr %q; want %d, %q, %q", tt.args, code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
		}
	}
	if left := uploadstest.Must(filepath.Glob(filepath.Join(empty, "*")))(t); len(left) != 0 {
		t.Errorf("commands that were refused made %v", left)
	}
	t.Setenv("UPLOADD_LISTEN", "0.0.0.0:1")
	if code, _, stderr := invoke(t, "serve", "--data", empty); code != 1 || !strings.Contains(stderr, "--listen=0.0.0.0:1") {
		t.Errorf("the environment is not heeded: exit %d, %q", code, stderr)
	}
}

// Where flushing promises nothing, the log says so before anything is acknowledged.
func TestUntrustedDisk(t *testing.T) {
	dir := uploadstest.Must(os.MkdirTemp("/dev/shm", "uploadd"))(t)
	defer os.RemoveAll(dir)
	var log bytes.Buffer
	disk := uploadstest.Must(blob.OpenDisk(dir))(t)
	defer disk.Close()
	warnUntrusted((&logFlags{LogFormat: "text", LogLevel: "info"}).newLogger(&log), &stores{disk: disk, meta: &meta.Store{}})
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "tmpfs") {
		t.Errorf("the log says %q", log.String())
	}
}

// An unwritable directory is said to be one.
func TestDataDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := invoke(t, "serve", "--listen=127.0.0.1:0", "--data", file); code != 1 || !strings.Contains(stderr, "data directory") {
		t.Errorf("exit %d, %q", code, stderr)
	}
	var refused *os.PathError
	if err := (storeFlags{dataFlag: dataFlag{Data: filepath.Join(file, "below")}}).check(); !errors.As(err, &refused) {
		t.Errorf("below a file: %v", err)
	}
}

func (f storeFlags) check() error {
	st, err := f.open(context.Background())
	if err == nil {
		return st.Close()
	}
	return err
}
