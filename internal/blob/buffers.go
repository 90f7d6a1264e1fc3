package blob

import (
	"runtime"
	"sync"
	"unsafe"
)

// buffers holds large buffers that nobody uses.
var buffers sync.Pool

// buffer is a large one, which begins on a sector's border.
type buffer struct {
	bytes []byte
	arena *arena
}

// arena is the memory that a few buffers share: as much as the kernel manages as one
// huge page. Handing memory to the disk costs it something for each page, and that of
// large writes was a seventh of all that taking a part costs (make bench).
type arena struct{ memory []byte }

// arenaSize is that of a huge page on most machines, in bytes.
const arenaSize = 2 << 20

// getBuffer returns a buffer, which goes to buffers when it is done with.
func getBuffer() *buffer {
	if b, ok := buffers.Get().(*buffer); ok {
		return b
	}
	memory, free := mapArena()
	a := &arena{memory}
	if free != nil {
		runtime.AddCleanup(a, func(free func()) { free() }, free) // once no buffer is left of it
	}
	for off := largeBuffer; off < arenaSize; off += largeBuffer {
		buffers.Put(&buffer{memory[off : off+largeBuffer], a})
	}
	return &buffer{memory[:largeBuffer], a}
}

// allocateArena is for systems that have no huge pages, or none to give.
func allocateArena() []byte {
	b := make([]byte, arenaSize+sector)
	return b[aligned(b, sector):][:arenaSize]
}

// aligned is how far into b a border of size bytes is.
func aligned(b []byte, size int) int {
	return -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (size - 1)
}
