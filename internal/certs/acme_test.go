package certs

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/acme/autocert"
)

func TestCache(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(filepath.Dir(dir), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := openCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, err := c.Get(ctx, "files.example.com"); !errors.Is(err, autocert.ErrCacheMiss) {
		t.Errorf("nothing there yet: %v", err)
	}
	for _, want := range []string{"one", "another, longer", ""} {
		if err := c.Put(ctx, "files.example.com", []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Get(ctx, "files.example.com"); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("in the directory are %v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	for _, name := range []string{"../outside", outside} {
		if got, err := c.Get(ctx, name); err == nil {
			t.Errorf("Get(%q) read %q", name, got)
		}
		if err := c.Put(ctx, name, nil); err == nil {
			t.Errorf("Put(%q) did not fail", name)
		}
		if err := c.Delete(ctx, name); err == nil {
			t.Errorf("Delete(%q) did not fail", name)
		}
	}
	if got, err := os.ReadFile(outside); err != nil || !bytes.Equal(got, []byte("secret")) {
		t.Errorf("outside: %q, %v", got, err)
	}
	for range 2 { // deleting what is not there is no error
		if err := c.Delete(ctx, "files.example.com"); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"files.example.com": true, "FILES.example.com": true, "bücher.example": true,
		"": false, "localhost": false, "*.example.com": false, "files.example.com.": false,
		"https://files.example.com": false, "files.example.com:443": false, "a b.example": false,
	} {
		_, err := NewACME(Authority{Names: []string{name}, Cache: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
		if (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
