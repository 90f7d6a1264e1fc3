package nodes

import (
	"net/http"
	"testing"
	"time"

	"uploadd/test/postgres"
)

// A database vanishes without a word: nothing that was sent to it comes back, and nobody
// says so. A node that waits for it says in time that it is not ready; when a standby
// has taken over, all is well again without anybody's help.
func TestDatabaseVanishes(t *testing.T) {
	t.Parallel()
	c, primary, standby := pair(t)
	l := newLoad(t, c)
	l.begin()
	awaitGood(t, c.answers)
	for _, n := range c.nodes {
		n.proxies[0].Hang()
	}
	primary.Kill()
	asked := time.Now()
	resp, err := (&http.Client{Timeout: longest}).Get(c.nodes[0].URL + "/readyz")
	if err != nil {
		t.Fatalf("a node that cannot reach its database does not say so: %v", err)
	}
	resp.Body.Close()
	t.Logf("%s after %s", resp.Status, time.Since(asked).Round(time.Millisecond))
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a node that cannot reach its database says %s", resp.Status)
	}
	standby.Promote()
	t.Logf("%s later all was well", c.answers.settled(t, *watched).Round(time.Millisecond))
	l.end()
	for _, n := range c.nodes {
		n.each((*postgres.Proxy).Mend)
	}
}
