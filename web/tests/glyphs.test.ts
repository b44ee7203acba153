import { describe, expect, test } from 'vitest'
import { captionsOf, glyphsOf } from '../src/lib/text/glyphs'

describe('characters', () => {
  const glyphs = glyphsOf({ kind: 'characters', vocabulary: ['a', ' ', '\n', '\t', '猫', '\u0301', '\x00'] })

  test('whitespace has marks, and none where marks are off', () => {
    expect(glyphs.marked.slice(0, 4)).toEqual(['a', '·', '⏎', '→'])
    expect(glyphs.text.slice(0, 4)).toEqual(['a', ' ', ' ', ' '])
    expect(glyphs.marks).toEqual(['', '·', '⏎', '→', '', '', ''])
  })

  test('widths and line ends', () => {
    expect([...glyphs.width]).toEqual([1, 1, 1, 1, 2, 0, 1])
    expect([...glyphs.ends]).toEqual([0, 0, 1, 0, 0, 0, 0])
    expect(glyphs.even).toBe(false)
  })

  test('are spoken in words', () => {
    expect(glyphs.spoken).toEqual(['a', 'space', 'newline', 'tab', '猫', 'combining U+0301', 'control U+0000'])
  })
})

test('bytes: printable ones as they are, the others as two hexadecimal digits', () => {
  const glyphs = glyphsOf({ kind: 'bytes', vocabulary: ['A', '0x0a', '0xC3', ' ', '0x00'] })
  expect(glyphs.marked).toEqual(['A', '⏎', 'c3', '·', '␀'])
  expect([...glyphs.width]).toEqual([1, 1, 2, 1, 1])
  expect([...glyphs.ends]).toEqual([0, 1, 0, 0, 0])
})

test('tokens take as many cells as they have letters, and at least one', () => {
  const glyphs = glyphsOf({ kind: 'tokens', vocabulary: ['the', ' cat', '', '\n\n', '\u0301'] })
  expect([...glyphs.width]).toEqual([3, 4, 1, 2, 1])
  expect(glyphs.marks).toEqual(['', '·   ', '', '⏎⏎', ''])
  expect([...glyphs.ends]).toEqual([0, 0, 0, 1, 0])
})

test('a frame of a film is one cell, and its caption is spoken as it stands', () => {
  const captions = captionsOf({ kind: 'tokens', vocabulary: ['bacon: shopping', 'bird: nothing\n'] })
  expect([...captions.width]).toEqual([1, 1])
  expect([...captions.ends]).toEqual([0, 0])
  expect(captions.even).toBe(true)
  expect(captions.spoken[0]).toBe('bacon: shopping')
})
