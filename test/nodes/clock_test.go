package nodes

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

// Nodes whose database does as it should.
func TestNodes(t *testing.T) {
	t.Parallel()
	db := postgres.Start(t)
	for name, test := range map[string]func(*testing.T, *postgres.Server){
		"Calls race":             testRaces,
		"The database's clock":   testClock,
		"Commands beside nodes":  testCommands,
		"A later version":        testUpgrade,
		"Many start at once":     testManyStart,
		"Killed while it starts": testKilledWhileStarting,
	} {
		t.Run(name, func(t *testing.T) { test(t, db) })
	}
}

// execute runs statements in the database at url.
func execute(t testing.TB, url, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(background)
	for { // as the program does that brings a schema up to date
		_, err := conn.Exec(t.Context(), statements)
		var deadlock *pgconn.PgError
		if errors.As(err, &deadlock) && deadlock.Code == "40P01" {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", statements, err)
		}
		return
	}
}

// Whatever the clocks of machines say, everything lives and ends by the database's. The
// database here is an hour ahead, as all machines would be an hour behind.
func testClock(t *testing.T, db *postgres.Server) {
	url := db.Database()
	execute(t, url, `CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql
		AS 'SELECT pg_catalog.clock_timestamp() + interval ''1 hour'''`)
	c := newCluster(t, 2, url+"&search_path=public,pg_catalog", []*postgres.Server{db}, false, "--upload-ttl=4s")
	soon := c.clients(c.project("p", "--expires=30m"))

	u := uploadstest.Must(soon[0].CreateUpload(t.Context(), api.CreateUploadRequest{
		Filename: "f", Purpose: "user_data", Bytes: 3, MimeType: "text/plain"}))(t)
	const near = 10 * time.Minute
	if off := time.Unix(u.CreatedAt, 0).Sub(time.Now().Add(time.Hour)); off.Abs() > near {
		t.Errorf("the upload was made %s off the database's time", off)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var shown [2]api.Status
		for i, a := range soon {
			shown[i] = uploadstest.Must(a.GetUpload(t.Context(), u.ID))(t).Status
		}
		if shown[0] == api.StatusExpired {
			if shown[1] != api.StatusExpired {
				t.Errorf("one node shows it expired, and another after that %s", shown[1])
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it does not expire: %v", shown)
		}
	}
	c.check()
}
