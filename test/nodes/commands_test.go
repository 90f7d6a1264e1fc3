package nodes

import (
	"errors"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

// Every command works beside nodes under load, and what it changes holds on all of them
// within seconds.
func testCommands(t *testing.T, db *postgres.Server) {
	c := newCluster(t, 2, db.Database(), []*postgres.Server{db}, false)
	l := newLoad(t, c)
	l.begin()
	for _, command := range []string{"check", "check --read-data", "gc", "gc --now", "keys list", "projects list", "audit"} {
		if out := c.run(strings.Fields(command)...); out == "" {
			t.Errorf("uploadd %s says nothing", command)
		}
	}
	l.end()
	if all, failed := c.answers.since(); len(failed) > 0 {
		t.Errorf("of %d answers failed: %v", all, failed)
	}

	ways := c.clients(c.project("p"))
	for _, a := range ways {
		uploadstest.Must(a.Usage(t.Context()))(t)
	}
	c.run("projects", "limit", "p", "--max-uploads=0")
	create := func(a api.API) error {
		return second(a.CreateUpload(background, api.CreateUploadRequest{Filename: "f", Purpose: "user_data", Bytes: 1, MimeType: "text/plain"}))
	}
	id, _, _ := strings.Cut(strings.Split(c.run("keys", "list", "--project=p"), "\n")[1], " ")
	for _, a := range ways {
		soon(t, func() bool { return errors.Is(create(a), api.ErrTooManyRequests) })
	}
	c.run("keys", "revoke", id)
	for _, a := range ways {
		soon(t, func() bool { return errors.Is(create(a), api.ErrUnauthorized) })
	}
}

// soon waits until a change has come to a node: within 10 seconds is the promise, and
// here it is given some more.
func soon(t *testing.T, changed func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !changed(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("what a command changed has not come to a node")
		}
	}
}
