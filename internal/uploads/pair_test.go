package uploads_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"uploadd/internal/blob"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// Nodes that share records and were told different places for the bytes are found out
// when they start. Those that begin at once are not in each other's way.
func TestPair(t *testing.T) {
	for name, open := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if err := uploads.Pair(t.Context(), w.meta, w.blobs); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			other := uploadstest.Must(blob.OpenDisk(filepath.Join(t.TempDir(), "other")))(t)
			defer other.Close()
			if err := uploads.Pair(t.Context(), w.meta, other); !errors.Is(err, uploads.ErrStrangers) {
				t.Errorf("bytes of somebody else: %v", err)
			}
			if faults := w.faults(); len(faults) != 0 {
				t.Errorf("a check finds %q", faults)
			}
		})
	}
}
