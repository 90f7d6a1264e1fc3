// CRC-32C (Castagnoli), eight bytes at a time: the checksum that the server keeps of
// every part.

const polynomial = 0x82f63b78; // its lowest power in the highest bit

// tables[k][b] is what byte b does to the checksum, with k bytes behind it.
const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
for (let b = 0; b < 256; b++) {
  let crc = b;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
  tables[0][b] = crc;
}
for (let b = 0; b < 256; b++) {
  for (let k = 1; k < 8; k++) {
    const before = tables[k - 1][b];
    tables[k][b] = (before >>> 8) ^ tables[0][before & 0xff];
  }
}
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;

// crc32c goes on from the checksum of the bytes before, 0 for none.
export function crc32c(bytes, before = 0) {
  let crc = ~before;
  let i = 0;
  for (const whole = bytes.length - 7; i < whole; i += 8) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    crc = t7[crc & 0xff] ^ t6[(crc >>> 8) & 0xff] ^ t5[(crc >>> 16) & 0xff] ^ t4[crc >>> 24]
      ^ t3[bytes[i + 4]] ^ t2[bytes[i + 5]] ^ t1[bytes[i + 6]] ^ t0[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}
