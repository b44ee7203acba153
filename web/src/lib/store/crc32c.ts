/** CRC-32C (Castagnoli), reflected polynomial 0x82F63B78, four bytes at a time. */
const tables = makeTables()

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(256)
  for (let n = 0; n < 256; n++) {
    let value = n
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
    first[n] = value
  }
  const all = [first]
  for (let level = 1; level < 4; level++) {
    const before = all[level - 1]!
    all.push(before.map((value) => (value >>> 8) ^ first[value & 255]!))
  }
  return all
}

export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  let value = 0xffffffff
  let at = 0
  for (const whole = bytes.length - 3; at < whole; at += 4) {
    value ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    value = t3[value & 255]! ^ t2[(value >>> 8) & 255]! ^ t1[(value >>> 16) & 255]! ^ t0[value >>> 24]!
  }
  for (; at < bytes.length; at++) value = t0[(value ^ bytes[at]!) & 255]! ^ (value >>> 8)
  return (value ^ 0xffffffff) >>> 0
}
