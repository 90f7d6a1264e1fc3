//go:build !linux

package blob

import (
	"errors"
	"os"
)

// setDirect says that writes go through the page cache.
func setDirect(_ *os.File, on bool) error {
	if on {
		return errors.ErrUnsupported
	}
	return nil
}
