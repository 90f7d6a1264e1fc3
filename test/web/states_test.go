package web

import (
	"testing"

	"uploadd/test/program"
)

// Every state of the page, without a key: it is on a loopback address.
func TestStates(t *testing.T) {
	s := program.Start(t, program.Options{})
	walk(t, "states.mjs", s.URL+"/")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	program.Check(t, s.Data)
}

// The page without a mouse.
func TestKeyboard(t *testing.T) {
	dir := t.TempDir()
	key := makeKey(t, dir, "team")
	s := program.Start(t, program.Options{Data: dir})
	walk(t, "keyboard.mjs", s.URL+"/", "KEY="+key)
}
