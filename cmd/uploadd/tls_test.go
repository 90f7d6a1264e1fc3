package main

import (
	"path/filepath"
	"strings"
	"testing"

	"uploadd/internal/certs/certstest"
	"uploadd/internal/uploads/uploadstest"
)

// Flags that do not go together are refused with a word of what would.
func TestTLSUsage(t *testing.T) {
	cert, key := certstest.New(t).Files(t, t.TempDir())
	empty := t.TempDir()
	for args, want := range map[string]string{
		"--tls-cert=" + cert: "name the file with the certificate's key too",
		"--tls-key=" + key:   "name the file with the certificate too",
		"--acme-domain=files.example.com --tls-cert=" + cert + " --tls-key=" + key: "leave one of them out",
		"--acme-email=admin@example.com":                                           "--acme-email without --acme-domain",
	} {
		code, _, stderr := invoke(t, append([]string{"serve", "--listen=127.0.0.1:0", "--data=" + empty}, strings.Fields(args)...)...)
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %q, want %q", args, code, stderr, want)
		}
	}
	if left := uploadstest.Must(filepath.Glob(filepath.Join(empty, "*")))(t); len(left) != 0 {
		t.Errorf("commands that were refused made %v", left)
	}
	for args, want := range map[string]string{
		"--tls-cert=" + key + " --tls-key=" + cert:     "may have been switched",
		"--tls-cert=" + cert + " --tls-key=/none":      "open /none",
		"--acme-domain=localhost":                      "write it like files.example.com",
		"--debug-listen=0.0.0.0:0":                     "loopback address only",
		"--debug-listen=:6060":                         "loopback address only",
		"--debug-listen=6060":                          "missing port in address",
		"--debug-listen=127.0.0.1:0 --tls-cert=" + key: "--tls-cert without --tls-key",
	} {
		code, _, stderr := invoke(t, append([]string{"serve", "--listen=127.0.0.1:0", "--data=" + t.TempDir()}, strings.Fields(args)...)...)
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %q, want %q", args, code, stderr, want)
		}
	}
}
