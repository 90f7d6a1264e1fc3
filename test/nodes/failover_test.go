package nodes

import (
	"flag"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

var failovers = flag.Int("failovers", 1, "how often a standby takes over in mid-commit")

// pair starts a PostgreSQL with a standby that has all that is acknowledged, and three
// nodes that use whichever takes writes.
func pair(t *testing.T) (c *cluster, primary, standby *postgres.Server) {
	primary = postgres.Start(t)
	url := primary.Database()
	standby = primary.Standby(true)
	url = postgres.Both(primary, standby, url[strings.LastIndex(url, "/")+1:strings.Index(url, "?")])
	return newCluster(t, 3, url+settings, []*postgres.Server{primary, standby}), primary, standby
}

// A standby takes over between a COMMIT and its answer, under load: what anybody was
// told stands, and soon nothing fails any more.
func TestFailover(t *testing.T) {
	t.Parallel()
	for range *failovers {
		c, primary, standby := pair(t)
		l := newLoad(t, c)
		l.begin()
		time.Sleep(some(time.Second))
		c.any().proxies[0].AtCommit(func(forward func()) {
			go forward()
			primary.Kill()
		})()
		standby.Promote()
		t.Logf("%s later all was well", c.answers.settled(t, *watched).Round(time.Millisecond))
		l.end()
	}
}

// What a standby does not have yet must not be seen by anybody: it would be gone if the
// standby took over. So a node that is cut off while PostgreSQL waits for the standby
// must not make it wait no longer.
func TestNothingIsSeenThatAStandbyLacks(t *testing.T) {
	t.Parallel()
	c, primary, standby := pair(t)
	a := c.clients(c.project("p"))
	u := uploadstest.Must(a[0].CreateUpload(t.Context(), api.CreateUploadRequest{
		Filename: "f", Purpose: "user_data", Bytes: 3, MimeType: "text/plain"}))(t)
	part := uploadstest.Must(a[0].AddPart(t.Context(), u.ID, strings.NewReader("abc")))(t)

	standby.Signal(syscall.SIGSTOP)
	cut := c.nodes[0].proxies[0].AtCommit(func(forward func()) {
		go forward()
		time.Sleep(300 * time.Millisecond) // it waits for the standby
	})
	if _, err := complete(a[0], u.ID, part.ID); err == nil {
		t.Error("a completion was acknowledged that the standby does not have")
	}
	cut()
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if got := uploadstest.Must(a[1].GetUpload(t.Context(), u.ID))(t); got.Status != api.StatusPending {
			t.Errorf("it is seen %s, and the standby does not have that", got.Status)
		}
	}
	primary.Kill()
	standby.Signal(syscall.SIGCONT)
	standby.Promote()
	await(t, a[1])
	if _, err := complete(a[2], u.ID, part.ID); err != nil {
		t.Errorf("the completion cannot be repeated: %v", err)
	}
	c.check()
}

func complete(a *client.Client, upload string, ids ...string) (*api.Upload, error) {
	return a.CompleteUpload(background, upload, api.CompleteUploadRequest{PartIDs: ids})
}
