import { describe, expect, test } from 'vitest'
import { crc32c } from '../src/lib/store/crc32c'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('crc32c', () => {
  // The check value of the CRC catalogue, and the vectors of RFC 3720, appendix B.4.
  test.each([
    ['', bytes(''), 0],
    ['123456789', bytes('123456789'), 0xe3069283],
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ])('%s', (_, data, expected) => {
    expect(crc32c(data)).toBe(expected)
  })

  test('the same at any length and place as one byte at a time', () => {
    const data = Uint8Array.from({ length: 70 }, (_, i) => (i * 37 + 11) & 255)
    for (let from = 0; from < 5; from++) {
      for (let to = from; to < data.length; to++) expect(crc32c(data.subarray(from, to))).toBe(slow(data.subarray(from, to)))
    }
  })
})

function slow(data: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of data) {
    value ^= byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  }
  return ~value >>> 0
}
