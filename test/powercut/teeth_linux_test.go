package powercut

import (
	"testing"

	"uploadd/test/program"
)

// Cuts and images that never lose anything prove nothing: a program that leaves
// out a flush must be found out by both. The flush of a blob's directory is not
// among them: without it, 100 images and 100 cuts showed nothing. ext4 is
// understood to flush the name of a new file along with its bytes, which other
// file systems need not do; so these tests do not show that this flush is there.
func TestTeeth(t *testing.T) {
	for _, tt := range []struct{ name, file, old, new string }{
		{"blobs are not flushed", "internal/blob/disk.go", "if err := f.Sync(); err != nil", "if err := error(nil); err != nil"},
		{"commits are not flushed", "internal/meta/sqlite.go", "PRAGMA wal_checkpoint(RESTART)", "PRAGMA synchronous=NORMAL; PRAGMA wal_checkpoint(RESTART)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mutant := program.Mutant(t, tt.file, tt.old, tt.new)
			t.Run("images", func(t *testing.T) { biteImages(t, mutant) })
			t.Run("cuts", func(t *testing.T) { biteCuts(t, mutant) })
		})
	}
}

// biteImages fails the test unless an image shows that the program at path loses
// what it acknowledged.
func biteImages(t *testing.T, path string) {
	r := record(t, path)
	for i, m := range r.choose(*bite) {
		if found := r.faultsOf(t, m); len(found) > 0 {
			t.Logf("noticed with image %d: %s", i+1, found[0])
			return
		}
	}
	t.Errorf("not noticed in %d images", *bite)
}

// biteCuts is the same for cuts.
func biteCuts(t *testing.T, path string) {
	for done := 0; done < *bite; done += period {
		if _, found := cutOften(t, path, period); len(found) > 0 {
			t.Logf("noticed on disk %d, with %s", done/period+1, found[0])
			return
		}
	}
	t.Errorf("not noticed in %d cuts", *bite)
}
