/** IEEE 754 half precision to single, by table: browsers without Float16Array read the same traces. */
let table: Float32Array | undefined

function makeTable(): Float32Array {
  const values = new Float32Array(65536)
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >> 10) & 31
    const fraction = bits & 1023
    if (exponent === 31) values[bits] = fraction ? NaN : sign * Infinity
    else if (exponent === 0) values[bits] = sign * fraction * 2 ** -24
    else values[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  }
  return values
}

export function fromFloat16(halves: Uint16Array): Float32Array {
  table ??= makeTable()
  const out = new Float32Array(halves.length)
  for (let i = 0; i < halves.length; i++) out[i] = table[halves[i]!]!
  return out
}
