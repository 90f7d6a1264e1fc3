package meta

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"uploadd/internal/uploads"
)

// held says how many bytes of the disk the ballast has.
func (b *ballast) held(t *testing.T) (bytes int64) {
	t.Helper()
	for _, path := range b.files {
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Sys().(*syscall.Stat_t).Blocks * 512
	}
	return bytes
}

// Its bytes must be taken from the disk, not only be said to be there.
func TestBallast(t *testing.T) {
	b := newBallast(filepath.Join(t.TempDir(), "x.db"))
	if !b.refill() || b.size == 0 || b.held(t) < 2*b.size {
		t.Fatalf("the ballast holds %d bytes, want twice %d", b.held(t), b.size)
	}
	if err := os.Truncate(b.files[1], 1); err != nil { // as a crash may leave it
		t.Fatal(err)
	}
	if !b.refill() || b.held(t) < 2*b.size {
		t.Errorf("after a crash it holds %d bytes", b.held(t))
	}
	b.release()
	if n := b.held(t); n != 0 {
		t.Errorf("released, it holds %d bytes", n)
	}
	b.size = 1 << 60
	if b.refill() || b.held(t) != 0 {
		t.Error("a disk without room has room")
	}
}

// A full disk takes the steps that let go of space, no others, and all of them
// once it has room again.
func TestSQLiteStarved(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"))
	if err := s.Reserve(t.Context(), []string{"part_1", "part_2"}, 5); err != nil {
		t.Fatal(err)
	}
	// No write is on its way, so the committer's fields are nobody's.
	c := s.write.(*committer)
	size := c.ballast.size
	c.starved, c.ballast.size = syscall.ENOSPC, 1<<60
	if err := s.Reserve(t.Context(), []string{"part_3"}, 5); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: reserve: %v", err)
	}
	if err := s.CreateUpload(t.Context(), &uploads.Upload{ID: "upload_1", Status: "pending"}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: create: %v", err)
	}
	if keys, err := s.Doom(t.Context(), 5, 5, 9); err != nil || len(keys) != 2 {
		t.Errorf("a full disk: doom: %v, %v", keys, err)
	}
	if err := s.Forget(t.Context(), []string{"part_1"}); err != nil {
		t.Errorf("a full disk: forget: %v", err)
	}
	c.ballast.size = size
	if err := s.Reserve(t.Context(), []string{"part_3"}, 5); err != nil {
		t.Errorf("a disk with room again: %v", err)
	}
	if bin, err := s.Bin(t.Context(), "", 9); err != nil || len(bin) != 2 {
		t.Errorf("bin: %v, %v", bin, err)
	}
}

// What an earlier process left in the log is in the database before anything is
// written behind it.
func TestSQLiteLogBeginsAnew(t *testing.T) {
	dir := t.TempDir()
	copied := func(name string, suffixes ...string) string {
		for _, suffix := range suffixes {
			b, err := os.ReadFile(filepath.Join(dir, "x.db"+suffix))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name+suffix), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return filepath.Join(dir, name)
	}
	if err := open(t, filepath.Join(dir, "x.db")).Reserve(t.Context(), []string{"part_1"}, 5); err != nil {
		t.Fatal(err)
	}
	crashed := copied("crashed.db", "", "-wal")
	open(t, crashed)
	b, err := os.ReadFile(crashed)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "alone.db"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if bin, err := open(t, filepath.Join(dir, "alone.db")).Bin(t.Context(), "", 9); err != nil || len(bin) != 1 {
		t.Errorf("the database without its log has %v, %v", bin, err)
	}
}
