package nodes

import (
	"flag"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadd/api"
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
	return newCluster(t, 3, url+settings, []*postgres.Server{primary, standby}, true), primary, standby
}

// A standby takes over between a COMMIT and its answer, under load: what anybody was
// told stands, and soon nothing fails any more.
func TestFailover(t *testing.T) {
	t.Parallel()
	for range *failovers {
		c, primary, standby := pair(t)
		seesWhatStays(t, c, standby)
		l := newLoad(t, c)
		l.begin()
		awaitGood(t, c.answers)
		c.any().proxies[0].AtCommit(1, func(forward func()) {
			go forward()
			primary.Kill()
		})()
		standby.Promote()
		t.Logf("%s later all was well", c.answers.settled(t, *watched).Round(time.Millisecond))
		l.end()
	}
}

// seesWhatStays fails the test if anybody sees what the standby does not have yet: it
// would be gone if the standby took over. A node that is cut off while PostgreSQL waits
// for the standby must not make it wait no longer.
func seesWhatStays(t *testing.T, c *cluster, standby *postgres.Server) {
	a := c.clients(c.project("p"))
	u := uploadstest.Must(a[0].CreateUpload(t.Context(), api.CreateUploadRequest{
		Filename: "f", Purpose: "user_data", Bytes: 3, MimeType: "text/plain"}))(t)
	part := uploadstest.Must(a[0].AddPart(t.Context(), u.ID, strings.NewReader("abc")))(t)
	complete := func(a api.API) error {
		return second(a.CompleteUpload(background, u.ID, api.CompleteUploadRequest{PartIDs: []string{part.ID}}))
	}
	standby.Signal(syscall.SIGSTOP)
	cut := c.nodes[0].proxies[0].AtCommit(1, func(forward func()) {
		go forward()
		time.Sleep(300 * time.Millisecond) // it waits for the standby
	})
	if complete(a[0]) == nil {
		t.Error("a completion was acknowledged that the standby does not have")
	}
	cut()
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if got := uploadstest.Must(a[1].GetUpload(t.Context(), u.ID))(t); got.Status != api.StatusPending {
			t.Errorf("it is seen %s, and the standby does not have that", got.Status)
		}
	}
	standby.Signal(syscall.SIGCONT)
	if err := complete(a[2]); err != nil {
		t.Errorf("the completion cannot be repeated: %v", err)
	}
}
