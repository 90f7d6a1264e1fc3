// Package hooks has endpoints told by the built program what happens, while they fail, and
// while it is killed.
package hooks

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// eventually waits for a condition, for as long as a slow machine may take.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within two minutes", what)
		}
	}
}

// command runs a command of the program, which ends with code, and returns what it says.
func command(t testing.TB, code int, args ...string) string {
	t.Helper()
	got, out := program.Run(context.Background(), args...)
	if got != code {
		t.Fatalf("%s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

// lastLine is the last line of what a command says: a secret, as a rule.
func lastLine(out string) string {
	lines := strings.Fields(out)
	return lines[len(lines)-1]
}

// createHook makes a hook of the project that a server without keys has.
func createHook(t testing.TB, data, url string, flags ...string) (id, secret string) {
	t.Helper()
	out := command(t, 0, append([]string{"hooks", "create", "--project=default", "--url=" + url, "--data=" + data}, flags...)...)
	return out[strings.Index(out, "hook_"):][:len("hook_")+16], lastLine(out)
}

// line is a hook as it is listed.
type line struct {
	ID, Status, Failure string
	Pending             int
}

// listed is the only hook that there is.
func listed(t testing.TB, data string, flags ...string) (l line) {
	t.Helper()
	out := command(t, 0, append([]string{"hooks", "list", "--json", "--data=" + data}, flags...)...)
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return l
}

func pending(t testing.TB, data string, flags ...string) int {
	t.Helper()
	return listed(t, data, flags...).Pending
}

func create(t testing.TB, a api.API) *api.Upload {
	t.Helper()
	return uploadstest.Must(tryCreate(a))(t)
}

func tryCreate(a api.API) (*api.Upload, error) {
	return a.CreateUpload(context.Background(), api.CreateUploadRequest{Filename: "f.txt", Purpose: "user_data", Bytes: 3, MimeType: "text/plain"})
}

func complete(t testing.TB, a api.API) *api.Upload {
	t.Helper()
	return uploadstest.Must(tryComplete(a))(t)
}

// tryComplete makes an Upload and completes it.
func tryComplete(a api.API) (*api.Upload, error) {
	u, err := tryCreate(a)
	if err != nil {
		return nil, err
	}
	p, err := a.AddPart(context.Background(), u.ID, strings.NewReader("abc"))
	if err != nil {
		return nil, err
	}
	return a.CompleteUpload(context.Background(), u.ID, api.CompleteUploadRequest{PartIDs: []string{p.ID}})
}
