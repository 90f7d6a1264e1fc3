package uploads

import "math/bits"

// combined is the CRC-32C of the bytes of parts, one behind the other, without
// reading them again.
func combined(parts []Part) uint32 {
	var crc uint32
	for _, p := range parts {
		crc = combineCRC32C(crc, p.CRC32C, p.Bytes)
	}
	return crc
}

// combineCRC32C returns the CRC-32C of a followed by b, of which only the
// checksums and b's length are known: a's checksum times x^(8·length of b),
// plus b's, as polynomials over GF(2).
func combineCRC32C(a, b uint32, lenB int64) uint32 {
	return timesModP(a, xPower(8*uint64(lenB))) ^ b
}

// crc32cPoly is the Castagnoli polynomial, its lowest power in the highest bit,
// as hash/crc32 writes it.
const crc32cPoly = 0x82f63b78

// timesModP multiplies two polynomials modulo crc32cPoly.
func timesModP(a, b uint32) uint32 {
	var product uint32
	for ; a != 0; a <<= 1 {
		if a&(1<<31) != 0 {
			product ^= b
		}
		b = b>>1 ^ crc32cPoly&-(b&1) // times x
	}
	return product
}

// xPower is x^n modulo crc32cPoly, by squaring.
func xPower(n uint64) uint32 {
	power := uint32(1 << 31)  // 1
	square := uint32(1 << 30) // x
	for i := range bits.Len64(n) {
		if n>>i&1 != 0 {
			power = timesModP(power, square)
		}
		square = timesModP(square, square)
	}
	return power
}
