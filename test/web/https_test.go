package web

import (
	"testing"

	"uploadd/internal/certs/certstest"
	"uploadd/test/program"
)

// The page by HTTPS and HTTP/2.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	ca := certstest.New(t)
	cert, key := ca.Files(t, t.TempDir())
	dir := t.TempDir()
	text := makeKey(t, dir, "team")
	s := program.Start(t, program.Options{
		Data:  dir,
		Flags: []string{"--tls-cert", cert, "--tls-key", key},
		HTTP:  certstest.Client(t, ca.Pool(), "", true),
	})
	walk(t, "https.mjs", s.URL+"/", "KEY="+text)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	program.Check(t, dir)
}
