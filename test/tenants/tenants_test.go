// Package tenants shows from outside that those who share a server do not see, hurt
// or slow down each other, and that no key is written anywhere.
package tenants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// must runs a command of the program, and returns the last line it printed.
func must(t testing.TB, args ...string) string {
	t.Helper()
	code, out := program.Run(t.Context(), args...)
	if code != 0 {
		t.Fatalf("uploadd %s: exit %d\n%s", strings.Join(args, " "), code, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

// idOf is the id of a key with that text.
func idOf(key string) string { return "key_" + strings.Split(key, "_")[1] }

func as(t testing.TB, s *program.Server, key string) *client.Client {
	t.Helper()
	return uploadstest.Must(client.New(client.Config{BaseURL: s.URL + "/v1", Key: key}))(t)
}

// eventually waits until a request is answered as wanted: what the command line
// changed is in force within 10 seconds, on an idle machine.
func eventually(t testing.TB, what string, want *api.Error, request func() error) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := request()
		if want == nil && err == nil || want != nil && errors.Is(err, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: still %v", what, err)
		}
	}
}

func list(c *client.Client) func() error {
	return func() error {
		_, err := c.ListFiles(context.Background(), api.ListQuery{Limit: 1})
		return err
	}
}

// Keys and limits are made, changed and revoked beside a running server.
func TestKeysOfARunningServer(t *testing.T) {
	s := program.Start(t, program.Options{})
	uploadstest.Must(s.ListFiles(t.Context(), api.ListQuery{}))(t) // open: no key was ever made
	data := "--data=" + s.Data
	all := must(t, "keys", "create", data, "--project=team", "--name=of a test")
	reader := must(t, "keys", "create", data, "--project=team", "--scope=read", "--expires=1d")
	eventually(t, "anybody at all", api.ErrUnauthorized, list(s.Client))
	a := as(t, s, all)
	f := uploadstest.Must(a.CreateFile(t.Context(), strings.NewReader("abc"), describe))(t)
	_, err := as(t, s, reader).DeleteFile(t.Context(), f.ID)
	uploadstest.WantError(t, err, api.ErrForbidden, "")

	must(t, "projects", "limit", data, "team", "--max-bytes=5B", "--max-requests=none")
	eventually(t, "a file beyond the limit", api.ErrQuota, func() error {
		_, err := a.CreateFile(context.Background(), strings.NewReader("defg"), describe)
		return err
	})
	var shown api.Account
	if err := json.Unmarshal([]byte(must(t, "projects", data, "--json")), &shown); err != nil || shown.ID != "team" || shown.Bytes != 3 || *shown.Limits.Bytes != 5 {
		t.Errorf("projects: %+v, %v", shown, err)
	}
	usage := uploadstest.Must(a.Usage(t.Context()))(t)
	if usage.Project.Bytes != 3 || usage.Key == nil || usage.Key.ID != idOf(all) || usage.Key.Files != 1 {
		t.Errorf("usage: %+v", usage)
	}
	uploadstest.Must(a.DeleteFile(t.Context(), f.ID))(t)

	must(t, "keys", "revoke", data, idOf(all))
	eventually(t, "a revoked key", api.ErrUnauthorized, list(a))
	uploadstest.Must(as(t, s, reader).ListFiles(t.Context(), api.ListQuery{}))(t)
	code, out := program.Run(t.Context(), "keys", "list", data)
	if code != 0 || !strings.Contains(out, "revoked") || !strings.Contains(out, "of a test") || strings.Contains(out, all[30:]) {
		t.Errorf("keys list: exit %d\n%s", code, out)
	}
	_, out = program.Run(t.Context(), "audit", data)
	for _, want := range []string{"key.create", "key.revoke", "project.limits", "file.delete"} {
		if !strings.Contains(out, want) {
			t.Errorf("the audit log has no %s:\n%s", want, out)
		}
	}
	if code, _ := program.Run(t.Context(), "keys", "revoke", data, "key_none"); code != 1 {
		t.Errorf("revoking what is not there: exit %d", code)
	}
	program.Check(t, s.Data)
}

func describe() (api.CreateFileRequest, error) {
	return api.CreateFileRequest{Filename: "f", Purpose: "batch"}, nil
}

// An address that others can reach is listened on once there is a key, and is
// closed to those without one, whatever became of the key.
func TestOtherAddress(t *testing.T) {
	data := t.TempDir()
	_, err := program.TryStart(t, program.Options{Data: data, Flags: []string{"--listen=0.0.0.0:0"}})
	if err == nil {
		t.Fatal("a server without a key listens where others can reach it")
	}
	key := must(t, "keys", "create", "--data="+data, "--project=team")
	s := program.Start(t, program.Options{Data: data, Flags: []string{"--listen=0.0.0.0:0"}})
	uploadstest.Must(as(t, s, key).ListFiles(t.Context(), api.ListQuery{}))(t)
	_, err = s.ListFiles(t.Context(), api.ListQuery{})
	uploadstest.WantError(t, err, api.ErrUnauthorized, "")
	must(t, "keys", "revoke", "--data="+data, idOf(key))
	eventually(t, "a revoked key", api.ErrUnauthorized, list(as(t, s, key)))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"0.0.0.0:0", "127.0.0.1:0"} {
		s := program.Start(t, program.Options{Data: data, Flags: []string{"--listen=" + address}})
		_, err = s.ListFiles(t.Context(), api.ListQuery{})
		uploadstest.WantError(t, err, api.ErrUnauthorized, "")
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// A key is in no log, no answer and no file of the data, however it was sent.
func TestKeysAreWrittenNowhere(t *testing.T) {
	data, logs := t.TempDir(), filepath.Join(t.TempDir(), "log")
	key := must(t, "keys", "create", "--data="+data, "--project=team")
	log := uploadstest.Must(os.Create(logs))(t)
	defer log.Close()
	s := program.Start(t, program.Options{Data: data, Stderr: log, Flags: []string{"--quiet=false", "--log-format=json"}})
	secret := strings.Split(key, "_")[2][:52]
	wrong := key[:len(key)-1] + "x"
	for _, header := range []http.Header{
		{"Authorization": {"Bearer " + key}}, {"Authorization": {"Basic " + key}}, {"Authorization": {key}}, {"Api-Key": {key}},
		{"Authorization": {"Bearer " + wrong}}, {"Authorization": {"Bearer " + key}, "Openai-Project": {key}}, {"User-Agent": {key}, "Range": {key}},
		{"Authorization": {"Bearer " + key, "Bearer " + wrong}}, {"X-Forwarded-For": {key}, "Referer": {key}},
	} {
		for _, path := range []string{"/v1/files", "/v1/files?api_key=" + key, "/v1/uploads?after=" + key, "/v1/usage", "/v1/" + key,
			"/v1/files/" + strings.ReplaceAll(key, "_", "%5F"), "/v1/files/%75" + key[1:], "/v1/files/" + strings.ToUpper(key)} {
			req := uploadstest.Must(http.NewRequest("GET", s.URL+path, nil))(t)
			req.Header = header
			resp := uploadstest.Must(http.DefaultClient.Do(req))(t)
			var answer bytes.Buffer
			if err := resp.Write(&answer); err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			// What the caller wrote into the address may come back to the caller.
			if !strings.Contains(strings.ToUpper(path), secret) && strings.Contains(answer.String(), secret) {
				t.Errorf("GET %s with %v: the answer shows the key:\n%s", path, header, answer.String())
			}
			if strings.Contains(path, "api_key") && header.Get("Authorization") == "" && header.Get("Api-Key") == "" && resp.StatusCode != 401 {
				t.Errorf("a key in the address opens: status %d", resp.StatusCode)
			}
		}
	}
	a := as(t, s, key)
	uploadstest.Must(a.CreateFile(t.Context(), strings.NewReader("abc"), describe))(t)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	lines := string(uploadstest.Must(os.ReadFile(logs))(t))
	if n := strings.Count(lines, `"key":"`+idOf(key)+`"`); n < 5 {
		t.Errorf("the log names the key's id %d times:\n%s", n, lines)
	}
	for line := range strings.Lines(lines) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is no JSON: %q", line)
		}
	}
	if strings.Contains(strings.ToUpper(lines), secret) {
		t.Error("the log shows the key")
	}
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s holds the key", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
