package crash

import (
	"testing"
	"time"

	"uploadd/test/program"
)

// Killed at random moments, while it starts, recovers, serves and cleans up, the
// server has all that it acknowledged, and nothing else.
func TestKills(t *testing.T) {
	t.Parallel()
	c := &campaign{interrupted: func(t *testing.T, c *campaign, round int) {
		o := program.Options{Data: c.data}
		if round%3 == 0 { // a start that may not come to its end
			o.KillAfter = time.Millisecond + upTo(60*time.Millisecond)
		}
		s, err := program.TryStart(t, o)
		if err != nil {
			if o.KillAfter == 0 {
				t.Fatal(err)
			}
			return
		}
		wait := c.load(t, s)
		time.Sleep(2*time.Millisecond + upTo(150*time.Millisecond))
		s.Kill()
		wait()
	}}
	c.run(t, *kills)
}

// Asked to stop at random moments under load, it ends without an error, and has
// what it acknowledged.
func TestStops(t *testing.T) {
	t.Parallel()
	c := &campaign{interrupted: func(t *testing.T, c *campaign, _ int) {
		s := program.Start(t, program.Options{Data: c.data})
		wait := c.load(t, s)
		time.Sleep(2*time.Millisecond + upTo(150*time.Millisecond))
		if err := s.Stop(); err != nil {
			t.Errorf("asked to stop, it ended with %v", err)
		}
		wait()
		program.Check(t, c.data) // with nobody there who could have repaired anything
	}}
	c.run(t, *stops)
}
