package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// noFollow has nothing to add here: making a link takes rights that few have.
const noFollow = 0

// lock keeps others out of f until it is closed, or the process ends. It locks
// a byte far behind the end, so that the journal can be read meanwhile.
func lock(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrBusy
	}
	if err != nil {
		return fmt.Errorf("journal: locking it: %w", err)
	}
	return nil
}

// syncDir has nothing to do here: names are flushed with their files.
func syncDir(string) error { return nil }

// fileID has no cheap answer here; the file's time and size tell enough.
func fileID(fs.FileInfo) string { return "" }
