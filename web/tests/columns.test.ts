import { describe, expect, test } from 'vitest'
import { columnLetters, columnWidth } from '../src/lib/text/columns'
import { glyphsOf } from '../src/lib/text/glyphs'

function lettersOf(text: string, vocabulary = [...new Set(text)]) {
  const glyphs = glyphsOf({ kind: 'characters', vocabulary })
  return columnLetters(Uint32Array.from([...text], (letter) => vocabulary.indexOf(letter)), glyphs)
}

describe('letters above columns', () => {
  test('a letter takes its accents with it, whose columns stay empty', () => {
    expect(lettersOf('ae\u0301\u0323b')).toEqual(['a', 'e\u0301\u0323', '', '', 'b'])
  })

  test('an accent whose letter is not shown stands on a circle', () => {
    expect(lettersOf('\u0301\u0323b')).toEqual(['◌\u0301\u0323', '', 'b'])
  })

  test('whitespace is drawn', () => {
    expect(lettersOf('a \n')).toEqual(['a', '·', '⏎'])
  })

  test('of a long token there is its first letter', () => {
    const glyphs = glyphsOf({ kind: 'tokens', vocabulary: [' the', 'of', 'a', ''] })
    expect(columnLetters(Uint32Array.of(0, 1, 2, 3), glyphs)).toEqual(['t', 'of', 'a', ''])
  })

  test('columns are broader where letters are', () => {
    const broad = columnWidth(glyphsOf({ kind: 'characters', vocabulary: ['a', '語'] }))
    expect(broad).toBeGreaterThan(columnWidth(glyphsOf({ kind: 'characters', vocabulary: ['a', 'é'] })))
    expect(broad).toBeGreaterThanOrEqual(13) // the size of the letters, which is how broad such a letter is
  })
})
