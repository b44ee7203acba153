import { expect, test } from 'vitest'
import { many, signed, stretch } from '../src/lib/numbers'

test('one has its own word', () => {
  expect(many(1, 'step')).toBe('1 step')
  expect(many(0, 'step')).toBe('0 steps')
  expect(many(12_345, 'step')).toBe('12\u202f345 steps')
})

test('a stretch of one step is that step', () => {
  expect(stretch(0, 0, 1)).toBe('step 0 of 1')
  expect(stretch(10, 19, 2000)).toBe('steps 10 to 19 of 2\u202f000')
})

test('a signed number says that it is positive', () => {
  expect(signed(0.25)).toBe('+0.2500')
  expect(signed(-0.25, 2)).toBe('\u22120.25')
})
