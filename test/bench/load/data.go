// Package load drives every server that is measured, in the same way: over raw
// connections, with bytes that cost nothing to make, so that what a client takes of
// the machine is the same for all of them.
package load

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
)

// Data is Size bytes, of which others with another Seed are not a copy: a block of
// random bytes, over and over. Seeds from 0 to 65535 make different blocks.
type Data struct {
	Seed int
	Size int64 // bytes
}

const (
	block  = 1 << 20 // bytes, written at a time
	shifts = 1 << 16
)

// pool is where every block is cut from.
var pool = func() []byte {
	p := make([]byte, block+shifts)
	rand.NewChaCha8([32]byte{1}).Read(p)
	return p
}()

func (d Data) block() []byte {
	start := d.Seed * 4099 % shifts
	return pool[start : start+block]
}

// WriteTo writes the bytes.
func (d Data) WriteTo(w io.Writer) (n int64, err error) { return d.write(w, 0, d.Size) }

// write writes the bytes from one offset up to another.
func (d Data) write(w io.Writer, from, to int64) (n int64, err error) {
	b := d.block()
	for from < to && err == nil {
		within := from % block
		var wrote int
		wrote, err = w.Write(b[within:min(block, within+to-from)])
		from, n = from+int64(wrote), n+int64(wrote)
	}
	return n, err
}

// Held is a writer that all of the bytes from an offset on must be written to, and no
// others; Err says at the end whether they were.
type Held struct {
	data Data
	at   int64 // how far it has come
	err  error
}

// HoldTo returns a Held of the bytes from offset from on.
func (d Data) HoldTo(from int64) *Held { return &Held{data: d, at: from} }

// Write never fails, so that a server is read to its end.
func (h *Held) Write(p []byte) (int, error) {
	n := len(p)
	for b := h.data.block(); len(p) > 0 && h.err == nil; {
		within := h.at % block
		piece := p[:min(int64(len(p)), block-within)]
		if !bytes.Equal(piece, b[within:within+int64(len(piece))]) {
			h.err = fmt.Errorf("other bytes than were sent, between %d and %d of part %d", h.at, h.at+int64(len(piece)), h.data.Seed)
		}
		h.at, p = h.at+int64(len(piece)), p[len(piece):]
	}
	return n, nil
}

// Err is nil if the bytes were the right ones, up to offset to.
func (h *Held) Err(to int64) error {
	if h.err == nil && h.at != to {
		return fmt.Errorf("part %d came back up to byte %d, and not up to %d", h.data.Seed, h.at, to)
	}
	return h.err
}
