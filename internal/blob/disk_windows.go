package blob

import (
	"errors"
	"os"
)

// A new name on a disk of Windows cannot be flushed with its directory, so nothing is
// kept there: the command refuses it, and this is never reached.
const noFollow = 0

func statfs(*os.File) (Space, error) { return Space{}, errors.ErrUnsupported }

// Flush is for those that keep something.
func (d *Disk) Flush() error { return errors.ErrUnsupported }
