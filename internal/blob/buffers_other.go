//go:build !linux

package blob

// mapArena returns memory that the garbage collector takes back.
func mapArena() (memory []byte, free func()) { return allocateArena(), nil }
