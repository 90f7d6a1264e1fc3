package blob

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
)

// Writes are large, and few: a sender that is slow, or sends little, holds a
// small buffer; one that keeps sending gets a large one. Large writes go past
// the page cache where the file system can do that: copying into the cache and
// writing back from it costs the processor several times what the rest of taking
// a part does (ARCHITECTURE.md has the figures).
const (
	smallBuffer = 16 << 10
	largeBuffer = 512 << 10
	largeFrom   = 64 << 10 // bytes taken before the large buffer

	// sector is the alignment that writes past the cache need, of memory,
	// offset and length alike. Both buffers and largeFrom are multiples.
	sector = 4096
)

// fill copies r into f until EOF. It asks room before each write: the disk may
// become full meanwhile. It returns how many bytes there were.
func fill(ctx context.Context, f *os.File, r io.Reader, room func() error) (total int64, err error) {
	buf := make([]byte, smallBuffer)
	direct := false
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, rerr := io.ReadFull(r, buf)
		if direct && n%sector != 0 {
			direct = false // the end of the file, as a rule: it fills no sector
			if err := setDirect(f, false); err != nil {
				return total, err
			}
		}
		if err := room(); err != nil {
			return total, err
		}
		if err := write(f, buf[:n], &direct); err != nil {
			return total, err
		}
		total += int64(n)
		switch rerr {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF: // ReadFull's word for an EOF in mid-buffer
			return total, nil
		default:
			return total, rerr
		}
		if total >= largeFrom && len(buf) == smallBuffer {
			large := getBuffer()
			defer buffers.Put(large)
			buf = large.bytes
			direct = setDirect(f, true) == nil // tmpfs and some others cannot
		}
	}
}

// write writes p. A file system that takes the flag and then refuses the write
// wants another alignment: it gets its bytes through the cache.
func write(f *os.File, p []byte, direct *bool) error {
	if len(p) == 0 {
		return nil
	}
	_, err := f.Write(p)
	if *direct && errors.Is(err, syscall.EINVAL) {
		*direct = false
		if err = setDirect(f, false); err == nil {
			_, err = f.Write(p)
		}
	}
	return err
}
