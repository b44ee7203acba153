import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TextLayout } from '../src/lib/grid/layout'
import type { Wrap } from '../src/lib/grid/rows'
import type { Sequence, Symbols } from '../src/lib/store/symbols'
import { type Glyphs, glyphsOf } from '../src/lib/text/glyphs'

const VOCABULARY = ['a', '\n', '猫', '\u0301']
const glyphs = glyphsOf({ kind: 'characters', vocabulary: VOCABULARY })
const plain = glyphsOf({ kind: 'characters', vocabulary: ['a', '\n'] })

/** A text in memory, in the shape that a layout asks for; `seen` limits what has been loaded. */
function textOf(ids: Uint32Array, sequences: Sequence[] = [{ start: 0, stop: ids.length }], written = true): Symbols {
  const text = {
    steps: ids.length,
    sequences,
    written,
    load: () => Promise.resolve(),
    peek: (start: number, stop: number) => ids.subarray(start, stop),
    sequenceOf: (step: number) => Math.max(0, sequences.findLastIndex(({ start }) => start <= step)),
  }
  return text as unknown as Symbols
}

function randomText(length: number, seed: number, kinds: number, newlines: number): Uint32Array {
  let state = seed
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
  return Uint32Array.from({ length }, () => (next() < newlines ? 1 : Math.floor(next() * kinds) % VOCABULARY.length))
}

function allRows(layout: TextLayout): { start: number; stop: number }[] {
  const { rows, missing } = layout.take({ block: 0, row: 0 }, Infinity)
  expect(missing).toBeUndefined()
  return rows
}

function check(ids: Uint32Array, columns: number, wrap: Wrap, with_: Glyphs): void {
  const layout = new TextLayout(textOf(ids), with_, columns, wrap)
  const rows = allRows(layout)
  // Every step is in one row, in order.
  let next = 0
  for (const { start, stop } of rows) {
    if (start !== next || stop <= start) throw new Error(`row ${start} to ${stop} after ${next}`)
    next = stop
  }
  expect(next).toBe(ids.length)
  expect(layout.total).toBe(rows.length)
  // And the layout finds it there again.
  for (let step = 0; step < ids.length; step += 997) {
    const found = layout.find(step)!
    const [row] = layout.take(found, 1).rows
    expect(row!.start).toBeLessThanOrEqual(step)
    expect(row!.stop).toBeGreaterThan(step)
    expect(layout.anchor(layout.position(found) + 0.25).block).toBe(found.block)
  }
}

describe('a text of many blocks', () => {
  test.each([
    [80, 'lines', 0.02],
    [80, 'width', 0.02],
    [7, 'lines', 0.3],
    [33, 'lines', 0],
    [33, 'width', 0],
  ] as const)('%i columns, wrapped by %s, %f newlines: every step once, and found again', (columns, wrap, newlines) => {
    check(randomText(70_000, 5, 4, newlines), columns, wrap, glyphs)
    check(randomText(70_000, 6, 1, newlines), columns, wrap, plain)
  })

  test('breaks lines only at newlines and at the width, also where blocks meet', () => {
    const ids = randomText(70_000, 7, 1, 0.02)
    const rows = allRows(new TextLayout(textOf(ids), plain, 60, 'lines'))
    for (const { start, stop } of rows.slice(0, -1)) expect(ids[stop - 1] === 1 || stop - start === 60).toBe(true)
  })

  test('of one width has rows of exactly that width', () => {
    const rows = allRows(new TextLayout(textOf(randomText(70_000, 8, 1, 0.1)), plain, 77, 'width'))
    expect(rows.slice(0, -1).every(({ start, stop }) => stop - start === 77)).toBe(true)
  })
})

test('a sequence begins in a row of its own', () => {
  const ids = new Uint32Array(100)
  const sequences = [
    { start: 0, stop: 13 },
    { start: 13, stop: 14 },
    { start: 14, stop: 100 },
  ]
  const rows = allRows(new TextLayout(textOf(ids, sequences), plain, 50, 'lines'))
  expect(rows.map(({ start }) => start)).toEqual([0, 13, 14, 64])
})

test('steps without symbols are laid out by arithmetic', () => {
  const layout = new TextLayout(textOf(new Uint32Array(95), undefined, false), plain, 10, 'lines')
  expect(layout.total).toBe(10)
  expect(allRows(layout).at(-1)).toEqual({ start: 90, stop: 95 })
})

describe('a text that is not all here', () => {
  test('is estimated, and its middle laid out without its beginning', () => {
    const ids = randomText(200_000, 9, 1, 0.02)
    const text = textOf(ids)
    let read = 0
    const layout = new TextLayout(
      Object.assign(Object.create(text) as Symbols, {
        peek: (start: number, stop: number) => {
          if (start < 65_000) return undefined
          read += stop - start
          return ids.subarray(start, stop)
        },
      }),
      plain,
      60,
      'lines',
    )
    expect(layout.find(100_000)).toBeDefined()
    expect(layout.find(100)).toBeUndefined()
    expect(layout.take({ block: 0, row: 0 }, 5).missing).toBe(0)
    expect(read).toBeLessThan(60_000)
    const whole = allRows(new TextLayout(text, plain, 60, 'lines'))
    const [row] = layout.take(layout.find(100_000)!, 1).rows
    expect(whole).toContainEqual(row)
    expect(Math.abs(layout.total - whole.length) / whole.length).toBeLessThan(0.1)
  })

  test('any place in it can be turned into a number of rows and back', () => {
    const layout = new TextLayout(textOf(randomText(100_000, 3, 1, 0.05)), plain, 60, 'lines')
    allRows(layout)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: layout.total - 1 }), (position) => {
        expect(layout.position(layout.anchor(position))).toBeCloseTo(position, 6)
      }),
    )
  })
})
