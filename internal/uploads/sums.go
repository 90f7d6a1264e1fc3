package uploads

import (
	"encoding/binary"
	"hash/crc32"
)

// blockSize is how many bytes of a Part share a checksum. A reader verifies a
// block before it lets go of any of it, so a range costs at most two blocks
// more than it is long; and a Part of 64 MiB carries 1 KiB of checksums.
const blockSize = 256 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockSums computes the checksums of the bytes written to it: one for each
// block, and from those, without looking at the bytes again, that of the whole.
type blockSums struct {
	size int64
	sums []byte // of the blocks that are complete, 4 bytes each, the highest first
	crc  uint32 // of the block in progress
}

func (s *blockSums) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), int(blockSize-s.size%blockSize))
		s.crc = crc32.Update(s.crc, castagnoli, rest[:n])
		s.size += int64(n)
		rest = rest[n:]
		if s.size%blockSize == 0 {
			s.seal()
		}
	}
	return len(p), nil
}

func (s *blockSums) seal() {
	s.sums = binary.BigEndian.AppendUint32(s.sums, s.crc)
	s.crc = 0
}

// done returns the checksums of the blocks, the last of which may be short, and
// that of the whole. Nothing may be written afterwards.
func (s *blockSums) done() (sums []byte, whole uint32) {
	if s.size%blockSize != 0 {
		s.seal()
	}
	for i, left := 0, s.size; left > 0; i, left = i+1, left-blockSize {
		whole = combineCRC32C(whole, sumOfBlock(s.sums, i), min(left, blockSize))
	}
	return s.sums, whole
}

func sumOfBlock(sums []byte, i int) uint32 { return binary.BigEndian.Uint32(sums[4*i:]) }
