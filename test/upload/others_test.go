package upload

import (
	"bytes"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"uploadd/api"
	"uploadd/internal/openaifake"
)

// TestOpenAI is against a server without the extensions: no list of Uploads or
// Parts, no ranges, no checksums.
func TestOpenAI(t *testing.T) {
	t.Parallel()
	s := openaifake.New(t, key)
	m := &machine{t: t, dir: t.TempDir(), env: []string{"OPENAI_BASE_URL=" + s.URL + "/v1", "OPENAI_API_KEY=" + key}}
	data := m.write("big.bin", size)

	// It goes on by what it has noted, and shows that.
	m.interrupt(syscall.SIGKILL, 3)
	sent := s.Parts()
	code, out, errs := m.run("status")
	if code != 0 || !strings.Contains(errs, "does not list Uploads") || !strings.Contains(out, filepath.Join(m.dir, "big.bin")) {
		t.Errorf("status: exit %d, %q, %q", code, out, errs)
	}
	code, id, errs := m.run("big.bin", "--purpose=user_data", "--part-size=1MiB", "--quiet")
	if code != 0 || !bytes.Equal(s.Contents()[0], data) {
		t.Fatalf("exit %d, %s", code, errs)
	}
	// A Part whose answer the killed one did not live to see is sent again.
	if again := s.Parts() - 9; again > sent-3 {
		t.Errorf("%d parts were sent twice, of %d that were there", again, sent)
	}

	// Files are listed through all pages, fetched where that is allowed, deleted.
	if code, _, errs := m.run("get", strings.TrimSpace(id), "-o", "x"); code != 1 || !strings.Contains(errs, "Not allowed to download") {
		t.Errorf("get: exit %d, %q", code, errs)
	}
	_, id, _ = m.run("big.bin", "--purpose=batch", "--part-size=1MiB", "--quiet")
	if code, _, errs := m.run("get", strings.TrimSpace(id), "-o", "back.bin"); code != 0 || !strings.Contains(errs, "no checksum") {
		t.Errorf("get: exit %d, %q", code, errs)
	}
	if back, err := os.ReadFile(filepath.Join(m.dir, "back.bin")); err != nil || !bytes.Equal(back, data) {
		t.Errorf("%d other bytes came back: %v", len(back), err)
	}
	if code, out, errs := m.run("ls"); code != 0 || strings.Count(out, "big.bin") != 2 {
		t.Errorf("ls: exit %d, %q, %q", code, out, errs)
	}
	if code, out, errs := m.run("rm", "-y", "--purpose=batch"); code != 0 || out != id || len(s.Contents()) != 1 {
		t.Errorf("rm: exit %d, %q, %q", code, out, errs)
	}
}

// TestAzure: its paths, its header, and its version of the API.
func TestAzure(t *testing.T) {
	t.Parallel()
	s := openaifake.NewAzure(t, key, "2024-10-21")
	m := &machine{t: t, dir: t.TempDir(), env: []string{"AZURE_OPENAI_ENDPOINT=" + s.URL, "AZURE_OPENAI_API_KEY=" + key,
		"OPENAI_API_VERSION=2024-10-21", "OPENAI_BASE_URL=", "OPENAI_API_KEY="}}
	data := m.write("big.bin", size)
	m.write("small.bin", 10)
	code, ids, errs := m.run("big.bin", "small.bin", "--part-size=1MiB", "--purpose=batch", "--quiet")
	if code != 0 || len(strings.Fields(ids)) != 2 || !bytes.Equal(s.Contents()[0], data) && !bytes.Equal(s.Contents()[1], data) {
		t.Fatalf("exit %d, %q, %q", code, ids, errs)
	}
	if code, out, errs := m.run("ls"); code != 0 || strings.Count(out, "file-") != 2 {
		t.Errorf("ls: exit %d, %q, %q", code, out, errs)
	}
	if code, out, errs := m.run("rm", "-y", strings.Fields(ids)[0]); code != 0 {
		t.Errorf("rm: exit %d, %q, %q", code, out, errs)
	}
	m.env = append(m.env, "OPENAI_API_VERSION=")
	if code, _, errs := m.run("ls"); code != 2 || !strings.Contains(errs, "OPENAI_API_VERSION") {
		t.Errorf("without a version: exit %d, %q", code, errs)
	}
}

// TestWrongKey: files are not tried one after the other with a key that is
// refused, and the key is not printed, though the server does.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	s := openaifake.New(t, "sk-another-key")
	m := &machine{t: t, dir: t.TempDir(), env: []string{"OPENAI_BASE_URL=" + s.URL + "/v1", "OPENAI_API_KEY=" + key}}
	args := []string{"--parallel=1"}
	for i := range 20 {
		args = append(args, string(rune('a'+i)))
		m.write(string(rune('a'+i)), 10)
	}
	code, out, errs := m.run(args...)
	if code != 1 || out != "" || strings.Count(errs, "Incorrect API key") > 2 || !strings.Contains(errs, "more files not sent") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
	if strings.Contains(errs, key) {
		t.Errorf("the key is printed: %s", errs)
	}
}

// TestRedirect: neither the key nor a byte goes where a server points to.
func TestRedirect(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1) }))
	defer second.Close()
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, second.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer first.Close()
	m := &machine{t: t, dir: t.TempDir(), env: []string{"OPENAI_BASE_URL=" + first.URL + "/v1", "OPENAI_API_KEY=" + key}}
	m.write("small.bin", 10)
	m.write("big.bin", 2*part)
	for _, args := range [][]string{{"small.bin", "big.bin"}, {"ls"}, {"get", "file-1"}, {"rm", "-y", "file-1"}, {"cancel", "upload_1"}, {"status"}} {
		if code, out, errs := m.run(args...); code != 1 || out != "" || !strings.Contains(errs, "Redirects are not followed") {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, errs)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the second server was asked %d times", n)
	}
}

// TestHostileWords: what a server says does not get at the terminal.
func TestHostileWords(t *testing.T) {
	t.Parallel()
	s := openaifake.New(t, key)
	s.Refuse = func(r *http.Request, header http.Header) *api.Error {
		return api.Errorf(api.ErrInvalid, "", "No.\x1b[2J\nupload: file-1\r\u202e")
	}
	m := &machine{t: t, dir: t.TempDir(), env: []string{"OPENAI_BASE_URL=" + s.URL + "/v1", "OPENAI_API_KEY=" + key}}
	m.write("small.bin", 10)
	for _, args := range [][]string{{"small.bin"}, {"small.bin", "-q"}, {"ls"}, {"get", "file-1"}, {"rm", "-y", "file-1"}, {"cancel", "x"}, {"status"}} {
		code, out, errs := m.run(args...)
		if code != 1 || out != "" || !strings.Contains(errs, "No.") || strings.ContainsAny(errs, "\x1b\r\u202e") || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, errs)
		}
	}
}

// TestTLS: a certificate is believed when its issuer is known, and nothing is
// sent to who has another one.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := openaifake.New(t, key)
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // it names who does not believe it
	front.StartTLS()
	defer front.Close()
	m := &machine{t: t, dir: t.TempDir(), env: []string{"OPENAI_BASE_URL=" + front.URL + "/v1", "OPENAI_API_KEY=" + key}}
	data := m.write("big.bin", size)
	if code, out, errs := m.run("big.bin"); code != 1 || out != "" || !strings.Contains(errs, "certificate") {
		t.Errorf("an unknown issuer: exit %d, %q, %q", code, out, errs)
	}
	ca := filepath.Join(m.dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	m.env = append(m.env, "SSL_CERT_FILE="+ca)
	if code, _, errs := m.run("big.bin", "--part-size=1MiB"); code != 0 || !bytes.Equal(s.Contents()[0], data) {
		t.Errorf("a known one: exit %d, %q", code, errs)
	}
}

// TestBusyServer: a refusal for the moment is waited out, and told of.
func TestBusyServer(t *testing.T) {
	t.Parallel()
	s := openaifake.New(t, key)
	var n atomic.Int64
	s.Refuse = func(r *http.Request, header http.Header) *api.Error {
		if n.Add(1)%2 == 1 {
			header.Set("Retry-After", "1")
			return api.Errorf(&api.Error{Status: http.StatusTooManyRequests}, "", "Rate limit reached.")
		}
		return nil
	}
	m := &machine{t: t, dir: t.TempDir(), env: []string{"OPENAI_BASE_URL=" + s.URL + "/v1", "OPENAI_API_KEY=" + key}}
	m.write("small.bin", 10)
	code, out, errs := m.run("small.bin")
	if code != 0 || !strings.HasPrefix(out, "file-") || !strings.Contains(errs, "small.bin: again in 1s: Rate limit reached.") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
	// Every command waits, if not for ever.
	for _, args := range [][]string{{"ls"}, {"rm", "-y", strings.TrimSpace(out)}} {
		if code, out, errs := m.run(args...); code != 0 || !strings.Contains(errs, "upload: again in 1s: Rate limit reached.") {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, errs)
		}
	}
}
