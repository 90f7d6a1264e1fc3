package blob

import (
	"errors"
	"os"
)

// A new name on a disk of Windows cannot be flushed with its directory, so nothing is
// kept there: the command refuses it, and this is never reached.
const noFollow = 0

func spaceOf(*os.File) (total, free int64, err error) { return 0, 0, errors.ErrUnsupported }

// Flush is for those that keep something.
func (d *Disk) Flush() error { return errors.ErrUnsupported }
