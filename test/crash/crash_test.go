// Package crash kills the program, again and again, and holds it to what it had
// acknowledged: at random moments under load, and in front of every system call
// by which it changes something.
//
// The sizes are flags, with small defaults; for the campaign:
//
//	go test -count=1 -timeout 2h ./test/crash -args -kills=1000 -stops=200 -every=1
package crash

import (
	"flag"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/ledger"
	"uploadd/test/program"
)

var (
	kills  = flag.Int("kills", 10, "how often the server is killed at a random moment")
	stops  = flag.Int("stops", 5, "how often it is asked to stop at a random moment")
	every  = flag.Int("every", 151, "it is killed in front of every n-th system call")
	period = flag.Int("period", 100, "after so many rounds everything is verified and discarded")
)

func TestMain(m *testing.M) { program.Main(m) }

// hold holds a server that was started again to the ledger, and its data to the
// check. To everything belongs that what is pending can still be completed.
func hold(t *testing.T, s *program.Server, l *ledger.Ledger, everything bool) {
	t.Helper()
	l.Verify(t.Context(), s, everything)
	if everything && !l.Resume(t.Context(), s) {
		t.Error("an upload whose parts were acknowledged cannot be completed")
	}
	for _, fault := range l.Faults() { // those noticed under load as well
		t.Error(fault)
	}
	program.Check(t, s.Data)
}

// upTo is a random time.
func upTo(most time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(most))) }

// campaign interrupts a server under load, in one data directory, round by round.
type campaign struct {
	data   string
	ledger *ledger.Ledger
	// interrupted runs the server under load until it has been interrupted.
	interrupted func(t *testing.T, c *campaign, round int)
}

// run runs it for so many rounds.
func (c *campaign) run(t *testing.T, rounds int) {
	c.data, c.ledger = t.TempDir(), &ledger.Ledger{}
	for round := 1; round <= rounds; round++ {
		c.interrupted(t, c, round)
		s := program.Start(t, program.Options{Data: c.data})
		last := round%*period == 0 || round == rounds
		hold(t, s, c.ledger, last)
		if last {
			c.empty(t, s)
			t.Logf("after %d rounds, %d steps were acknowledged", round, c.ledger.Acked())
		}
		s.Kill()
		if t.Failed() {
			t.Fatalf("this was round %d", round)
		}
	}
	if c.ledger.Acked() == 0 {
		t.Error("nothing was acknowledged: this test has shown nothing")
	}
}

// empty discards all there is, and waits for the space to return: no blob is
// left, and the bin holds nothing but what the running server has reserved.
func (c *campaign) empty(t *testing.T, s *program.Server) {
	t.Helper()
	if err := c.ledger.Discard(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	records := uploadstest.Must(meta.OpenSQLiteReadOnly(filepath.Join(c.data, "uploadd.db")))(t)
	defer records.Close()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		blobs := program.Stored(t, c.data)
		left := uploadstest.Must(records.Bin(t.Context(), "", 100_000))(t)
		left = slices.DeleteFunc(left, func(e uploads.BinEntry) bool { return e.Due > time.Now().Add(time.Hour).Unix() })
		if len(blobs) == 0 && len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("everything was discarded, and left are the blobs %v, and in the bin %v", blobs, left)
		}
	}
	program.Check(t, c.data)
}

// load puts s under load until it does not answer any more. The function it
// returns waits for that.
func (c *campaign) load(t *testing.T, s *program.Server) (wait func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.ledger.Load(t.Context(), s, 4, rand.Uint64())
	}()
	return func() { <-ended }
}
