import { expect, test } from 'vitest'
import { characterWidth, textWidth } from '../src/lib/text/width'

// Widths as wcwidth 0.2.13 (Unicode 15.1) gives them.
test.each([
  ['a', 1],
  ['é', 1],
  ['ß', 1],
  ['Ж', 1],
  ['א', 1],
  ['\u0301', 0],
  ['\u0308', 0],
  ['\u3099', 0],
  ['\u200d', 0],
  ['\ufe0f', 0],
  ['猫', 2],
  ['あ', 2],
  ['。', 2],
  ['한', 2],
  ['Ａ', 2],
  ['ｱ', 1],
  ['🙂', 2],
  ['—', 1],
  ['…', 1],
  ['⏎', 1],
  ['\u3000', 2],
  ['𠀀', 2],
] as const)('%s', (character, width) => {
  expect(characterWidth(character)).toBe(width)
})

test('a text takes as many cells as its characters', () => {
  expect(textWidth('cafe\u0301 猫')).toBe(7)
})
