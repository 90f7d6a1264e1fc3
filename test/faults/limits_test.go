package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/ledger"
	"uploadd/test/program"
)

// Strangers hold every file descriptor that the server may have.
func TestDescriptorsExhausted(t *testing.T) {
	t.Parallel()
	s := program.Start(t, program.Options{Under: []string{"prlimit", "--nofile=48:48"}})
	l := &ledger.Ledger{}
	load(t, l, s, 30, 1) // which leaves a connection open

	var strangers []net.Conn
	defer func() {
		for _, c := range strangers {
			c.Close()
		}
	}()
	for range 100 {
		strangers = append(strangers, uploadstest.Must(net.Dial("tcp", strings.TrimPrefix(s.URL, "http://")))(t))
	}
	seen := crowd(t, s)
	if seen[0] == 0 && seen[503] == 0 {
		t.Errorf("none of the answers %v tells of the shortage: the test proves nothing", seen)
	}
	t.Logf("while no descriptors were left the answers were %v", seen)

	for _, c := range strangers {
		c.Close()
	}
	strangers = nil
	eventually(t, "the strangers have gone", func() error { return usable(t.Context(), s) })
	load(t, l, s, 60, 2)
	verify(t, l, s)
	program.Check(t, s.Data)
}

// crowd sends parts on several connections at once, each for a few seconds at
// most: some wait for a connection, which is an answer too.
func crowd(t *testing.T, s *program.Server) map[int]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	a := &strict{API: s, t: t, lost: true}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				_ = usable(ctx, a)
			}
		})
	}
	wg.Wait()
	return a.seen
}

// Each request has an answer though there is no descriptor for its file.
func TestPartsWithoutDescriptors(t *testing.T) {
	t.Parallel()
	s := program.Start(t, program.Options{Under: []string{"prlimit", "--nofile=40:40"}})
	l := &ledger.Ledger{}
	load(t, l, s, 30, 1)
	for round := range uint64(3) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		a := &strict{API: s, t: t, lost: true}
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() { _ = usable(ctx, a) })
		}
		wg.Wait()
		cancel()
		t.Logf("40 at once, with 40 descriptors: %v", a.seen)
		eventually(t, "the crowd has gone", func() error { return usable(t.Context(), s) })
		load(t, l, s, 30, 2+round)
	}
	verify(t, l, s)
	program.Check(t, s.Data)
}

// A file system that has seen an error turns itself read-only.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir, image := ext4(t)
	o := program.Options{Data: filepath.Join(dir, "data")}
	s, l := program.Start(t, o), &ledger.Ledger{}
	load(t, l, s, 60, 1)
	command(t, "mount", "-o", "remount,abort", dir)

	a := &strict{API: s, t: t}
	if err := usable(t.Context(), a); err == nil {
		t.Error("an upload on a disk that cannot be written was acknowledged")
	}
	for range 5 {
		if _, err := pending(t.Context(), a, 1); !errors.Is(err, api.ErrUnavailable) {
			t.Errorf("a creation on a disk that cannot be written: %v", err)
		}
	}
	files := uploadstest.Must(a.ListFiles(t.Context(), api.ListQuery{}))(t)
	for _, f := range files.Data {
		if n := len(uploadstest.Read(t, s, f.ID)); int64(n) != f.Bytes {
			t.Errorf("file %s is read with %d of its %d bytes", f.ID, n, f.Bytes)
		}
	}
	load(t, l, s, 20, 2) // all of it ambiguous
	s.Kill()
	command(t, "umount", dir)
	command(t, "mount", "-o", "loop", image, dir)
	s = program.Start(t, o)
	verify(t, l, s)
	load(t, l, s, 30, 3)
	verify(t, l, s)
	program.Check(t, s.Data)
}

// A blob that cannot be deleted is deleted later.
func TestDeletingFails(t *testing.T) {
	t.Parallel()
	s, l := program.Start(t, program.Options{}), &ledger.Ledger{}
	load(t, l, s, 60, 1)
	verify(t, l, s) // which settles how the load's last step ended
	if err := l.Discard(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	before := len(program.Stored(t, s.Data))
	stop := fault{calls: "unlinkat"}.inject(t, s, "EIO", 1)
	eventually(t, "all but what could not be deleted", func() error {
		if n := len(program.Stored(t, s.Data)); n > before/2 {
			return fmt.Errorf("%d of %d blobs are left", n, before)
		}
		return nil
	})
	if trace := stop(); !strings.Contains(trace, "(INJECTED)") {
		t.Error("nothing failed")
	}
	emptied(t, l, s)
	program.Check(t, s.Data)
}
