package deploy

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"uploadd/api"
	"uploadd/test/postgres"
	"uploadd/test/program"
)

// reach connects as soon as PgBouncer answers. The caller closes the connection, of which
// there are few.
func reach(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil {
			return conn
		}
		if time.Now().After(end) {
			t.Fatalf("PgBouncer does not answer: %v", err)
		}
	}
}

// With the settings of docs/deploy.md nodes work through PgBouncer, in both of its modes;
// and without them they do not start.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	ini, sql := blocks(t, "ini"), blocks(t, "sql")
	if len(ini) != 1 || len(sql) != 1 {
		t.Fatalf("docs/deploy.md has %d configurations of PgBouncer and %d statements, want one of each", len(ini), len(sql))
	}
	db := postgres.Start(t)
	db.Exec(strings.Replace(sql[0], "ROLE uploadd", "ROLE postgres", 1))
	session := ini[0] + "default_pool_size = 20\n"
	// In which many transactions have few connections.
	crowded := strings.Replace(ini[0], "pool_mode = session", "pool_mode = transaction", 1) + "default_pool_size = 4\n"
	bare, _, _ := strings.Cut(session, "ignore_startup_parameters")
	if !strings.Contains(crowded, "transaction\n") || bare == session {
		t.Fatalf("the configuration is %q", session)
	}
	const exec = "default_query_exec_mode=exec"
	if !strings.Contains(docs(t), exec) {
		t.Errorf("docs/deploy.md does not say %s", exec)
	}
	for name, c := range map[string]struct{ config, url string }{"session": {session, "&pool_max_conns=4"}, "transaction": {crowded, "&" + exec}} {
		t.Run(name, func(t *testing.T) {
			url := postgres.Pool(t, db.Database(), c.config)
			testPooled(t, url, url+c.url)
		})
	}
	t.Run("nothing set", func(t *testing.T) {
		url := postgres.Pool(t, db.Database(), bare)
		reach(t, url).Close(t.Context())
		_, err := program.TryStart(t, program.Options{Flags: []string{"--meta=" + url, "--blobs=" + t.TempDir()}})
		if err == nil {
			t.Error("a node starts without ignore_startup_parameters: the docs ask for too much")
		}
	})
}

// testPooled has two nodes at url work for many clients at once.
func testPooled(t *testing.T, direct, url string) {
	var timeout string
	conn := reach(t, direct)
	if err := conn.QueryRow(t.Context(), "SHOW idle_in_transaction_session_timeout").Scan(&timeout); err != nil || timeout != "5s" {
		t.Errorf("a transaction may be idle for %q: %v", timeout, err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	s := shared{meta: url, blobs: t.TempDir()}
	nodes := []*program.Server{s.node(t), s.node(t)}
	var all sync.WaitGroup
	for i := range 16 {
		c := nodes[i%len(nodes)].Client
		all.Go(func() {
			for range 5 {
				u, err := c.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 3, MimeType: "text/plain"})
				if err != nil {
					t.Error(err)
					return
				}
				part, err := c.AddPart(t.Context(), u.ID, strings.NewReader("abc"))
				if err == nil {
					_, err = c.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{part.ID}})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if code, out := program.Run(t.Context(), "check", "--read-data", "--meta="+url, "--blobs="+s.blobs); code != 0 || !strings.Contains(out, "80 files, 80 parts") {
		t.Errorf("check: exit %d, %s", code, out)
	}
}
