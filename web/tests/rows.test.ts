import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutRows, placeRow, type Row, stepAt } from '../src/lib/grid/rows'
import { glyphsOf } from '../src/lib/text/glyphs'

const VOCABULARY = ['a', '猫', '\u0301', '\n', ' ']
const glyphs = glyphsOf({ kind: 'characters', vocabulary: VOCABULARY })
const ids = (text: string) => Uint32Array.from([...text].map((character) => VOCABULARY.indexOf(character)))
const atLines = (_: number, symbol: number) => glyphs.ends[symbol] === 1
const never = () => false

function rowsOf(text: Uint32Array, columns: number, breaks: typeof atLines): Row[] {
  const starts = cutRows(text, glyphs, 0, text.length, columns, breaks)
  return Array.from(starts, (start, i) => ({ start, stop: starts[i + 1] ?? text.length }))
}

describe('rows worked by hand', () => {
  test('end at newlines and at the last column', () => {
    expect([...cutRows(ids('aa\naaaaa'), glyphs, 0, 8, 4, atLines)]).toEqual([0, 3, 7])
    expect([...cutRows(ids('aa\naaaaa'), glyphs, 0, 8, 4, never)]).toEqual([0, 4])
  })

  test('a wide character that does not fit moves to the next row', () => {
    expect([...cutRows(ids('aaa猫a'), glyphs, 0, 5, 4, never)]).toEqual([0, 3])
  })

  test('an accent stays with its letter even at the end of a row', () => {
    expect([...cutRows(ids('aaaa\u0301a'), glyphs, 0, 6, 4, never)]).toEqual([0, 5])
  })

  test('cells: two for wide, the base cell for accents, one for an accent without a base', () => {
    const text = ids('猫a\u0301a')
    const placed = placeRow({ start: 0, stop: 4 }, text, 0, glyphs)
    expect([...placed.column]).toEqual([0, 2, 2, 3])
    expect([...placed.cells]).toEqual([2, 1, 0, 1])
    expect(placed.width).toBe(4)
    expect([...placeRow({ start: 0, stop: 2 }, ids('\u0301a'), 0, glyphs).column]).toEqual([0, 1])
  })

  test('a column leads to the step that covers it', () => {
    const text = ids('猫a\u0301a')
    const row = { start: 10, stop: 14 }
    const placed = placeRow(row, text, 10, glyphs)
    expect([0, 1, 2, 3, 9].map((column) => stepAt(row, placed, column))).toEqual([10, 10, 11, 13, 13])
  })
})

const text = fc.array(fc.nat(VOCABULARY.length - 1), { minLength: 1, maxLength: 200 }).map((a) => Uint32Array.from(a))

describe('any text', () => {
  test('each step is in exactly one row, no row is empty or too wide, and the next step would not have fitted', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 30 }), fc.boolean(), (symbols, columns, lines) => {
        const breaks = lines ? atLines : never
        const rows = rowsOf(symbols, columns, breaks)
        expect(rows[0]!.start).toBe(0)
        rows.forEach((row, r) => {
          expect(row.stop).toBeGreaterThan(row.start)
          const placed = placeRow(row, symbols, 0, glyphs)
          expect(placed.width).toBeLessThanOrEqual(columns)
          const next = rows[r + 1]
          if (!next) return
          const ended = breaks(row.stop - 1, symbols[row.stop - 1]!)
          const room = columns - placed.width
          expect(ended || glyphs.width[symbols[next.start]!]! > room).toBe(true)
        })
      }),
    )
  })

  test('in a row, cells follow each other without gap or overlap', () => {
    fc.assert(
      fc.property(text, (symbols) => {
        for (const row of rowsOf(symbols, 20, never)) {
          const { column, cells } = placeRow(row, symbols, 0, glyphs)
          let next = 0
          column.forEach((at, i) => {
            if (cells[i]) {
              expect(at).toBe(next)
              next += cells[i]!
            } else expect(at + cells[lastBase(cells, i)]!).toBe(next)
          })
        }
      }),
    )
  })
})

function lastBase(cells: Uint8Array, from: number): number {
  let at = from
  while (!cells[at]) at--
  return at
}
