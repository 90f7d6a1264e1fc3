package web

import (
	"fmt"
	"testing"
	"time"

	"uploadd/test/program"
)

// Every state of the page, without a key: it is on a loopback address.
func TestStates(t *testing.T) {
	t.Parallel()
	s := program.Start(t, program.Options{})
	walk(t, "states.mjs", s.URL+"/")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	program.Check(t, s.Data)
}

// The page without a mouse.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := makeKey(t, dir, "team")
	s := program.Start(t, program.Options{Data: dir})
	walk(t, "keyboard.mjs", s.URL+"/", "KEY="+key)
}

// Limits lower than usual: Uploads whose time is up, and small parts.
func TestLowLimits(t *testing.T) {
	t.Parallel()
	const ttl = 4 * time.Second
	s := program.Start(t, program.Options{Flags: []string{"--upload-ttl=" + ttl.String(), "--max-part=1MiB"}})
	walk(t, "limits.mjs", s.URL+"/", fmt.Sprintf("TTL=%d", ttl.Milliseconds()+1000))
}
