//go:build !linux

package meta

import "os"

// allocate gives f n bytes of real blocks.
func allocate(f *os.File, n int64) error { return zeros(f, n) }
