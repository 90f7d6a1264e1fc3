package blob

import "golang.org/x/sys/unix"

// mapArena returns memory that is a huge page, if the kernel has one to give, and how
// to give it back; nil where the garbage collector does.
func mapArena() (memory []byte, free func()) {
	mapped, err := unix.Mmap(-1, 0, 2*arenaSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return allocateArena(), nil
	}
	memory = mapped[aligned(mapped, arenaSize):][:arenaSize]
	_ = unix.Madvise(memory, unix.MADV_HUGEPAGE) // without, it is memory like other
	return memory, func() { _ = unix.Munmap(mapped) }
}
