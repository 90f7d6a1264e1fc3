package doctor

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jackc/pgx/v5"

	"uploadd/internal/blob/s3test"
	"uploadd/internal/doctor"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
	"uploadd/test/program"
)

var (
	onPostgres = []string{"postgres.connect", "postgres.tls", "postgres.writable", "postgres.durable", "postgres.schema", "postgres.connections",
		"postgres.timeouts", "postgres.pooler", "postgres.encoding", "postgres.latency", "clock.database", "access.keys", "listen.address"}
	onS3 = []string{"s3.address", "s3.credentials", "s3.tls", "s3.put", "s3.head", "s3.get", "s3.range", "s3.large", "s3.checksum", "s3.once",
		"s3.delete", "s3.batch", "s3.missing", "s3.versions", "s3.lifecycle", "clock.bucket"}
)

// objects lists a bucket behind everybody's back.
func objects(t testing.TB, s *s3test.Store) (names []string) {
	t.Helper()
	out := uploadstest.Must(s.Client(t).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(s3test.Bucket)}))(t)
	for _, o := range out.Contents {
		names = append(names, *o.Key)
	}
	return names
}

// tables counts those of a database, and the records in them that an examination might leave.
func tables(t testing.TB, url string) (n int) {
	t.Helper()
	conn := uploadstest.Must(pgx.Connect(t.Context(), url))(t)
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), `SELECT COUNT(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Where all is well, everything is said to be, before the first node and beside one; and
// all of it is as it was.
func TestShared(t *testing.T) {
	t.Parallel()
	store := s3test.Versitygw(t, true)
	url := postgres.Start(t, "fsync=on").Database()
	flags := []string{"--meta", url, "--blobs", store.URL("prefix", "")}
	x := examination{args: flags}
	all := append(append([]string{"stores.paired"}, onPostgres...), onS3...)
	x.fine(t, all...)
	if n, left := tables(t, url), objects(t, store); n != 0 || len(left) != 0 {
		t.Errorf("it leaves %d tables and the objects %v", n, left)
	}
	program.Start(t, program.Options{Flags: flags})
	before, kept := tables(t, url), objects(t, store)
	x.fine(t, all...)
	if n, left := tables(t, url), objects(t, store); n != before || len(left) != len(kept) {
		t.Errorf("there are %d tables, and were %d; the objects %v, and were %v", n, before, left, kept)
	}
	examination{args: []string{"--meta", url, "--blobs", store.URL("elsewhere", "")}}.
		finds(t, nil, want{"stores.paired", doctor.Fail, "not those of these records", "--blobs"})
	unknown := "s3://" + s3test.Bucket + "/prefix?endpoint=" + store.Endpoint
	examination{args: []string{"--meta", url, "--blobs", unknown}}.
		finds(t, nil, want{"s3.put", doctor.Fail, "unknown authority", "ca="})
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	db := postgres.Start(t) // with fsync=off
	fsync := "postgres.durable"
	at := func(url string, args ...string) examination {
		return examination{args: append([]string{"--meta", url, "--blobs", t.TempDir()}, args...)}
	}
	// with makes a database of which the statement is true.
	with := func(statement string) string {
		url := db.Database()
		if statement != "" {
			db.Exec(fmt.Sprintf(statement, url[strings.LastIndex(url, "/")+1:strings.Index(url, "?")]))
		}
		return url
	}
	unmade := []string{fsync, "postgres.writable"}
	for _, tt := range []struct {
		name, statement string
		others          []string
		want
	}{
		{"fsync", "", nil, want{fsync, doctor.Warn, "fsync is off", "turn fsync"}},
		{"synchronous_commit", "ALTER DATABASE %s SET synchronous_commit = off", nil, want{fsync, doctor.Fail, "synchronous_commit is off", "synchronous_commit = on"}},
		{"read-only", "ALTER DATABASE %s SET default_transaction_read_only = on", unmade, want{"postgres.writable", doctor.Fail, "tables cannot be made", "turn default_transaction_read_only off"}},
		{"statement_timeout", "ALTER DATABASE %s SET statement_timeout = '2s'", []string{fsync}, want{"postgres.timeouts", doctor.Warn, "statement_timeout is 2s", "SET statement_timeout = 0"}},
		{"connections", "ALTER DATABASE %s CONNECTION LIMIT 8", []string{fsync}, want{"postgres.connections", doctor.Fail, "up to 16; 8 are allowed", "pool_max_conns"}},
	} {
		t.Run(tt.name, func(t *testing.T) { at(with(tt.statement)).finds(t, tt.others, tt.want) })
	}
	t.Run("encoding", func(t *testing.T) {
		db.Exec("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
		at(db.URL("latin")).finds(t, []string{fsync}, want{"postgres.encoding", doctor.Fail, "LATIN1", "ENCODING 'UTF8'"})
	})
	t.Run("a stranger", func(t *testing.T) {
		db.Exec("CREATE ROLE stranger LOGIN")
		at(strings.Replace(with(""), "postgres@", "stranger@", 1)).finds(t, []string{fsync},
			want{"postgres.schema", doctor.Fail, "may not make tables", "GRANT CREATE ON SCHEMA public"})
	})
	t.Run("read-only, with tables", func(t *testing.T) {
		url, blobs := with(""), t.TempDir()
		s := program.Start(t, program.Options{Flags: []string{"--meta", url, "--blobs", blobs}})
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		db.Exec("ALTER ROLE postgres IN DATABASE " + url[strings.LastIndex(url, "/")+1:strings.Index(url, "?")] + " SET default_transaction_read_only = on")
		at(url, "--blobs", blobs).finds(t, []string{fsync}, want{"postgres.writable", doctor.Warn, "unless they ask", "default_transaction_read_only"})
	})
	t.Run("gone", func(t *testing.T) {
		// Its password is nobody's affair.
		x := at("postgres://uploadd:hunter2@127.0.0.1:1/uploadd")
		x.finds(t, []string{"stores.paired", "access.keys"}, want{"postgres.connect", doctor.Fail, "refused", "start the database"})
		rows, _ := x.run(t)
		if text := fmt.Sprint(rows); strings.Contains(text, "hunter2") {
			t.Errorf("a password is told: %s", text)
		}
	})
	t.Run("hanging", func(t *testing.T) {
		proxy := postgres.NewProxy(t, db)
		proxy.Hang()
		at(proxy.URL(db, with("")), "--patience=2s").finds(t, []string{"stores.paired", "access.keys"},
			want{"postgres.connect", doctor.Fail, "timeout|deadline|no end within 2s", "."})
	})
	t.Run("a standby", func(t *testing.T) {
		standby := db.Standby(false)
		at(standby.URL("postgres")).finds(t, []string{fsync}, want{"postgres.writable", doctor.Fail, "a standby", "target_session_attrs=read-write"})
	})
}

func TestPgBouncer(t *testing.T) {
	t.Parallel()
	db := postgres.Start(t)
	durable := []string{"postgres.durable"}
	const ignoring = "[pgbouncer]\nignore_startup_parameters = idle_in_transaction_session_timeout, lock_timeout\ndefault_pool_size = 20\n"
	at := func(url string) examination {
		return examination{args: []string{"--meta", url, "--blobs", t.TempDir()}}
	}
	db.Exec("ALTER ROLE postgres SET idle_in_transaction_session_timeout = '5s'")
	session := ready(t, postgres.Pool(t, db.Database(), ignoring+"pool_mode = session\n"))
	at(session).finds(t, durable)
	shared := ready(t, postgres.Pool(t, db.Database(), ignoring+"pool_mode = transaction\n"))
	at(shared).finds(t, durable, want{"postgres.pooler", doctor.Fail, "prepared statement", "default_query_exec_mode=exec"})
	at(shared+"&default_query_exec_mode=exec").finds(t, durable)
	strict := ready(t, postgres.Pool(t, db.Database(), "[pgbouncer]\npool_mode = session\n"))
	at(strict).finds(t, []string{"stores.paired", "access.keys"},
		want{"postgres.connect", doctor.Fail, "unsupported startup parameter", "ignore_startup_parameters = idle_in_transaction"})
	db.Exec("ALTER ROLE postgres SET idle_in_transaction_session_timeout = 0")
	unset := ready(t, postgres.Pool(t, db.Database(), ignoring+"pool_mode = session\n"))
	at(unset).finds(t, durable, want{"postgres.timeouts", doctor.Warn, "waiting for ever", "idle_in_transaction_session_timeout = '5s'"})
}

// ready waits until PgBouncer answers.
func ready(t testing.TB, url string) string {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil {
			conn.Close(t.Context())
			return url
		}
		if time.Now().After(end) {
			t.Fatalf("PgBouncer does not answer: %v", err)
		}
	}
}

func TestBucket(t *testing.T) {
	t.Parallel()
	store := s3test.Versitygw(t, false)
	at := func(url string, env ...string) examination {
		return examination{args: []string{"--data", t.TempDir(), "--blobs", url}, env: env}
	}
	for _, tt := range []struct {
		name, url string
		env       []string
		want
	}{
		{"secret", store.URL("p", ""), []string{"AWS_SECRET_ACCESS_KEY=wrong"}, want{"s3.put", doctor.Fail, "SignatureDoesNotMatch", "correct the credentials"}},
		{"no credentials", store.URL("p", ""), []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="}, want{"s3.credentials", doctor.Fail, "no credentials", "AWS_ACCESS_KEY_ID"}},
		{"no bucket", strings.Replace(store.URL("p", ""), "s3://"+s3test.Bucket, "s3://missing", 1), nil, want{"s3.put", doctor.Fail, "NoSuchBucket", "make the bucket"}},
		{"address", store.URL("p", "colour=red"), nil, want{"s3.address", doctor.Fail, "'colour' is not known", "docs/s3.md"}},
		{"nobody", "s3://bucket/p?endpoint=http://127.0.0.1:1", nil, want{"s3.put", doctor.Fail, "refused", "start the store"}},
	} {
		t.Run(tt.name, func(t *testing.T) { at(tt.url, tt.env...).finds(t, nil, tt.want) })
	}
	if left := objects(t, store); len(left) != 0 {
		t.Errorf("objects are left: %v", left)
	}
}

// Stores that do not do what they should.
func TestBadStores(t *testing.T) {
	t.Parallel()
	// The scripted store knows no settings of buckets, and compares no checksums.
	const wrong = "s3.checksum"
	quiet := []string{wrong, "s3.versions", "s3.lifecycle"}
	for _, tt := range []struct {
		name    string
		prepare func(s *s3test.Scripted)
		wants   []want
	}{
		{"compares nothing", func(*s3test.Scripted) {},
			[]want{{wrong, doctor.Warn, "wrong crc64nvme are stored: it does not compare", "."}, {"s3.versions", doctor.Warn, "is not told", "s3:GetBucketVersioning"}}},
		{"tells no checksum", func(s *s3test.Scripted) { s.CRC64, s.MD5 = false, false },
			[]want{{"s3.put", doctor.Fail, "nobody could tell", "docs/s3.md"}}},
		{"read-only", func(s *s3test.Scripted) {
			s.Script(http.MethodPut, func(x *s3test.Exchange) { x.Fail(http.StatusForbidden, "AccessDenied") })
		}, []want{{"s3.put", doctor.Fail, "AccessDenied", "s3:PutObject"}}},
		{"cannot be read", func(s *s3test.Scripted) {
			s.Script(http.MethodGet, func(x *s3test.Exchange) { x.Fail(http.StatusForbidden, "AccessDenied") })
		}, []want{{"s3.get", doctor.Fail, "AccessDenied", "s3:GetObject"}, {"s3.range", doctor.Fail, "AccessDenied", "s3:GetObject"}}},
		{"heeds no range", func(s *s3test.Scripted) {
			s.Script(http.MethodGet, func(x *s3test.Exchange) { x.R.Header.Del("Range"); x.Serve() })
		}, []want{{"s3.range", doctor.Fail, "begins at", "docs/s3.md"}}},
		{"tells a missing object from nothing", func(s *s3test.Scripted) {
			s.Script(http.MethodHead, func(x *s3test.Exchange) {
				if _, there := s.Object(x.Name()[strings.LastIndex(x.Name(), "/")+1:]); !there {
					x.Fail(http.StatusForbidden, "AccessDenied")
					return
				}
				x.Serve()
			})
		}, []want{{"s3.missing", doctor.Fail, "Forbidden|AccessDenied", "s3:ListBucket"}}},
		{"deletes nothing", func(s *s3test.Scripted) {
			s.Script(http.MethodDelete, func(x *s3test.Exchange) { x.Fail(http.StatusForbidden, "AccessDenied") })
		}, []want{{"s3.delete", doctor.Fail, "AccessDenied", "s3:DeleteObject"}}},
		{"keeps versions, and has a rule", func(s *s3test.Scripted) {
			s.Script(http.MethodGet, func(x *s3test.Exchange) {
				switch query := x.R.URL.Query(); {
				case query.Has("versioning"):
					fmt.Fprint(x.W, `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
				case query.Has("lifecycle"):
					fmt.Fprint(x.W, `<LifecycleConfiguration><Rule><ID>tidy</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><Expiration><Days>7</Days></Expiration></Rule></LifecycleConfiguration>`)
				default:
					x.Serve()
				}
			})
		}, []want{{"s3.versions", doctor.Warn, "versions are kept", "noncurrent versions"}, {"s3.lifecycle", doctor.Warn, "the rule 'tidy' deletes", "take the rule out"}}},
		{"has another time", func(s *s3test.Scripted) {
			s.Script(http.MethodHead, func(x *s3test.Exchange) {
				x.W.Header().Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
				x.Serve()
			})
		}, []want{{"clock.bucket", doctor.Warn, "the store's clock is -", "time service"}}},
		{"hangs", func(s *s3test.Scripted) {
			s.Script(http.MethodPut, func(x *s3test.Exchange) { x.Hang() })
		}, []want{{"s3.put", doctor.Fail, "deadline|timeout|no end within", "."}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := s3test.NewScripted(t)
			tt.prepare(s)
			s3test.Credentials()
			examination{args: []string{"--data", t.TempDir(), "--blobs", s.URL("p", ""), "--patience=4s"}}.finds(t, quiet, tt.wants...)
			if left := s.Names(); len(left) != 0 && tt.name != "deletes nothing" {
				t.Errorf("objects are left: %v", left)
			}
		})
	}
}

// What an examination that was killed has left, the next one takes away.
func TestKilled(t *testing.T) {
	t.Parallel()
	s := s3test.NewScripted(t)
	s3test.Credentials()
	flags := []string{"--data", t.TempDir(), "--blobs", s.URL("p", "")}
	s.Script(http.MethodHead, func(x *s3test.Exchange) { x.Hang() })
	killed := exec.Command(program.Path(), append([]string{"doctor"}, flags...)...)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); len(s.Names()) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it stores nothing")
		}
	}
	killed.Process.Kill()
	killed.Wait()
	if len(s.Names()) == 0 {
		t.Fatal("nothing is left by the one that was killed: this test shows nothing")
	}
	s.Script("", nil)
	examination{args: flags}.run(t)
	if left := s.Names(); len(left) != 0 {
		t.Errorf("objects are left: %v", left)
	}
}
