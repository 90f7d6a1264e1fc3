package uploads

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

// ErrCorrupt is a blob that is not what was stored.
var ErrCorrupt = errors.New("stored bytes are damaged")

// partReader reads a Part from some offset on, by whole blocks, and lets a block
// go only once its checksum has been found right. A Part that was stored before
// blocks had checksums is held against that of the whole, before its last block
// is let go, if it is read from its first byte on.
type partReader struct {
	part  *Part
	blob  io.ReadCloser // at the beginning of block
	block int64
	end   int64  // behind the last byte of blob, in the Part
	whole uint32 // the checksum so far
	sum   bool   // whole begins with the Part's first byte

	buf   *[]byte // nil unless ready holds something
	ready []byte  // of buf: verified, and not read yet
}

// blockBuffers serves readers that want less than a block at a time.
var blockBuffers = sync.Pool{New: func() any { b := make([]byte, blockSize); return &b }}

// openPart opens a Part from off on, to be read up to end.
func openPart(ctx context.Context, blobs Blobs, p *Part, off, end int64) (*partReader, error) {
	if blocks := (p.Bytes + blockSize - 1) / blockSize; len(p.Sums) > 0 && int64(len(p.Sums)) != 4*blocks {
		return nil, fmt.Errorf("%w: %d bytes of checksums for %d blocks", ErrCorrupt, len(p.Sums), blocks)
	}
	start := off - off%blockSize
	end = min(p.Bytes, (end+blockSize-1)/blockSize*blockSize)
	blob, err := blobs.Open(ctx, p.ID, start, end-start)
	if err != nil {
		return nil, err
	}
	r := &partReader{part: p, blob: blob, block: start / blockSize, end: end, sum: start == 0}
	if off > start {
		if err := r.fetch(); err != nil {
			return nil, errors.Join(err, r.Close())
		}
		r.ready = r.ready[off-start:]
	}
	return r, nil
}

// Read returns what is left of a block at most. It must not be called at r.end.
func (r *partReader) Read(p []byte) (int, error) {
	if len(r.ready) == 0 {
		if n := r.next(); int64(len(p)) >= n { // no copy
			if err := r.verified(p[:n]); err != nil {
				return 0, err
			}
			return int(n), nil
		}
		if err := r.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.ready)
	if r.ready = r.ready[n:]; len(r.ready) == 0 {
		r.release()
	}
	return n, nil
}

// next is the length of the next block.
func (r *partReader) next() int64 { return min(blockSize, r.part.Bytes-r.block*blockSize) }

// prepare makes the next block ready, unless one is.
func (r *partReader) prepare() error {
	if len(r.ready) > 0 {
		return nil
	}
	return r.fetch()
}

// fetch makes the next block ready.
func (r *partReader) fetch() error {
	r.buf = blockBuffers.Get().(*[]byte)
	block := (*r.buf)[:r.next()]
	if err := r.verified(block); err != nil {
		return err
	}
	r.ready = block
	return nil
}

func (r *partReader) release() {
	if r.buf != nil {
		blockBuffers.Put(r.buf)
		r.buf, r.ready = nil, nil
	}
}

// verified reads the next block into p, which is as long.
func (r *partReader) verified(p []byte) error {
	n, err := io.ReadFull(r.blob, p)
	at := r.block * blockSize
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: part %s ends after %d of %d bytes", ErrCorrupt, r.part.ID, at+int64(n), r.part.Bytes)
	}
	if err != nil {
		return err
	}
	crc := crc32.Checksum(p, castagnoli)
	if len(r.part.Sums) > 0 && crc != sumOfBlock(r.part.Sums, int(r.block)) {
		return fmt.Errorf("%w: part %s from byte %d on has checksum %08x, want %08x",
			ErrCorrupt, r.part.ID, at, crc, sumOfBlock(r.part.Sums, int(r.block)))
	}
	r.block++
	r.whole = combineCRC32C(r.whole, crc, int64(n))
	if r.sum && at+int64(n) == r.part.Bytes && r.whole != r.part.CRC32C {
		return fmt.Errorf("%w: part %s has checksum %08x, want %08x", ErrCorrupt, r.part.ID, r.whole, r.part.CRC32C)
	}
	return nil
}

// Close lets go of the blob.
func (r *partReader) Close() error {
	r.release()
	return r.blob.Close()
}
