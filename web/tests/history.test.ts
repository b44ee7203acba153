/** Against the plain loop that makes the state step by step. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Backwards, columnOfHistory, type History, historyOf, largestShares, sumOf } from '../src/lib/history'
import type { SignalInfo, SiteInfo } from '../src/lib/store/format'

interface Cell {
  /** Signals in the order that the recipe reads them. */
  signals: string[]
  gates: number
  step: (values: number[], before: number) => number
}

const lstm: Cell = {
  signals: ['forget_gate', 'input_gate', 'candidate'],
  gates: 2,
  step: ([f, i, g], c) => f! * c + i! * g!,
}
const CELLS: Record<string, Cell> = {
  lstm,
  peephole: lstm,
  coupled: lstm,
  'no-input-gate': { signals: ['forget_gate', 'candidate'], gates: 1, step: ([f, g], c) => f! * c + g! },
  gru: {
    signals: ['update_gate', 'update_gate', 'candidate'],
    gates: 2,
    step: ([z, , n], h) => (1 - z!) * n! + z! * h,
  },
}

const gate = fc.float({ min: 0, max: 1, noNaN: true })
const candidate = fc.float({ min: -1, max: 1, noNaN: true })

function columnsOf({ signals, gates }: Cell, steps: number): fc.Arbitrary<Float32Array[]> {
  const column = (value: fc.Arbitrary<number>) =>
    fc.array(value, { minLength: steps, maxLength: steps }).map((values) => Float32Array.from(values))
  return fc.tuple(...signals.map((_, at) => column(at < gates ? gate : candidate))).map((columns) => {
    return columns.map((values, at) => columns[signals.indexOf(signals[at]!)] ?? values)
  })
}

const windows = (columns: Float32Array[], cut: number) => [
  columns.map((column) => column.slice(cut).reverse()),
  columns.map((column) => column.slice(0, cut).reverse()),
]

describe.each(Object.entries(CELLS))('the history of a cell state: %s', (name, cell) => {
  const given = fc.integer({ min: 1, max: 40 }).chain((steps) =>
    fc.record({ columns: columnsOf(cell, steps), cut: fc.integer({ min: 0, max: steps }), initial: candidate }),
  )

  test('adds up to what a plain loop makes, in whatever windows it is read', () => {
    fc.assert(
      fc.property(given, ({ columns, cut, initial }) => {
        let state = initial
        columns[0]!.forEach((_, at) => (state = cell.step(columns.map((column) => column[at]!), state)))
        const back = new Backwards(name)
        windows(columns, cut).forEach((window) => back.take(window))
        const sum = back.shares.reduce((a, b) => a + b, 0) + back.kept * initial
        expect(Math.abs(sum - state)).toBeLessThan(1e-12)
      }),
    )
  })

  test('a share is what changes when that step stores nothing', () => {
    fc.assert(
      fc.property(given, ({ columns, initial }) => {
        const run = (without: number) => {
          let state = initial
          columns[0]!.forEach((_, at) => {
            const values = columns.map((column, which) => (at === without && which === columns.length - 1 ? 0 : column[at]!))
            state = cell.step(values, state)
          })
          return state
        }
        const back = new Backwards(name)
        back.take(columns.map((column) => column.slice().reverse()))
        back.shares.reverse().forEach((share, at) => expect(Math.abs(run(-1) - run(at) - share)).toBeLessThan(1e-12))
      }),
    )
  })
})

const history = (given: Partial<History> = {}): History => ({
  step: 12,
  state: 'cell',
  value: 0,
  first: 10,
  shares: Float64Array.of(0.5, -0.75, 0),
  rest: 0.25,
  whole: false,
  faded: false,
  reverse: false,
  sequence: { start: 4, stop: 20 },
  ...given,
})

describe('a history', () => {
  test('names the largest shares of either sign, and none that is nothing', () => {
    expect(largestShares(history(), 9)).toEqual([
      { step: 11, share: -0.75 },
      { step: 10, share: 0.5 },
    ])
    expect(largestShares(history(), 1)).toHaveLength(1)
    expect(sumOf(history())).toBe(0)
    expect(sumOf(history({ rest: NaN }))).toBe(-0.25)
  })

  test('colours what it knows: older steps are nothing only where they have faded', () => {
    const read = (given: Partial<History>) => [...columnOfHistory(history(given)).peek(2, 15)]
    const none = (count: number) => Array<number>(count).fill(NaN)
    expect(read({})).toEqual([...none(8), 0.5, -0.75, 0, ...none(2)])
    expect(read({ faded: true })).toEqual([...none(2), 0, 0, 0, 0, 0, 0, 0.5, -0.75, 0, ...none(2)])
    expect(read({ faded: true, reverse: true })).toEqual([...none(8), 0.5, -0.75, 0, 0, 0])
  })

  test('stops when older steps are too small to be seen, not before', () => {
    const back = new Backwards('lstm')
    back.take([Float32Array.of(1), Float32Array.of(1), Float32Array.of(0.5)])
    expect(back.done).toBe(false)
    back.take([Float32Array.of(1e-5), Float32Array.of(1), Float32Array.of(0.5)])
    expect(back.done).toBe(true)
  })
})

const site = (cell: string, signals: [string, number][]): SiteInfo =>
  ({ cell, signals: signals.map(([name, neurons]) => ({ name, neurons }) as SignalInfo) }) as SiteInfo

describe('where a history can be told', () => {
  const all: [string, number][] = [['forget_gate', 8], ['input_gate', 8], ['candidate', 8], ['cell', 8]]

  test('the state of a gated cell', () => {
    expect(historyOf(site('lstm', all), 8)).toEqual({ state: 'cell' })
    expect(historyOf(site('gru', [['update_gate', 3], ['candidate', 3], ['hidden', 3]]), 3)).toEqual({ state: 'hidden' })
  })

  test('else it is said why not', () => {
    const lack = (given: ReturnType<typeof historyOf>) => ('lack' in given ? given.lack : '')
    expect(lack(historyOf(site('rnn', [['hidden', 8]]), 8))).toContain('anew at every step')
    expect(lack(historyOf(site('lstm', [['cell', 8], ['candidate', 8]]), 8))).toContain('forget gate, input gate')
    expect(lack(historyOf(site('lstm', [...all, ['hidden', 3]]), 3))).toContain('projections')
  })
})
