import { expect, test } from 'vitest'
import { fromFloat16 } from '../src/lib/store/float16'

test('bits that IEEE 754 gives by hand', () => {
  const bits = [0x0000, 0x3c00, 0xc000, 0x3555, 0x7bff, 0x0001, 0x0400, 0x7c00, 0xfc00, 0x3bff]
  const values = [0, 1, -2, 0.333251953125, 65504, 2 ** -24, 2 ** -14, Infinity, -Infinity, 0.99951171875]
  expect([...fromFloat16(Uint16Array.from(bits))]).toEqual(values)
  expect(fromFloat16(Uint16Array.of(0x7e00))[0]).toBeNaN()
})
