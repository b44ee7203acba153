import { describe, expect, test } from 'vitest'
import { alsoHolding, beyondTraining, type Fit, horizonsOf, placeIn, ranked } from '../src/lib/evidence'

const fit = (holds: [number, number][]): Fit => ({ role: 'latch', score: 0.9, holds: holds.map(([steps, score]) => ({ steps, score })) })

describe('roles', () => {
  test('are drawn over all spans that any was tried on, rising', () => {
    expect(horizonsOf([fit([[4, 1], [100, 1]]), fit([]), fit([[16, 1], [100, 0]])])).toEqual([4, 16, 100])
  })

  test('that hold besides the one that says most are told too', () => {
    const fits = (['switch', 'latch', 'counter', 'integrator'] as const).map((role, at) => ({ role, score: [null, 0.85, 0.79, 0.8][at]!, holds: [] }))
    expect(alsoHolding({ role: 'latch', fits })).toEqual(['integrator'])
    expect(alsoHolding({ role: null, fits: fits.slice(0, 1) })).toEqual([])
  })

  test('hold beyond training or not, where that was tried', () => {
    const short = fit([[4, 0.95], [64, 0.9]])
    const long = fit([[4, 0.95], [64, 0.9], [256, 0.8]])
    expect(beyondTraining(long, 64)).toBe('holds')
    expect(beyondTraining(fit([[4, 0.95], [256, 0.79]]), 64)).toBe('fails')
    expect(beyondTraining(short, 64)).toBeUndefined()
    expect(beyondTraining(fit([]), 64)).toBeUndefined()
    expect(beyondTraining(long, null)).toBeUndefined()
  })
})

test('the odds stand in one row, from what rises most to what falls most', () => {
  const change = (symbol: string, by: number) => ({ symbol, change: by })
  const changes = { raises: [change('a', 3), change('b', 2), change('c', 1)], lowers: [change('x', -3), change('y', -1)] }
  expect(ranked(changes, 2).map(({ symbol }) => symbol)).toEqual(['a', 'b', 'y', 'x'])
})

test('a whole name leads to its place in another trace', () => {
  expect(placeIn('rnn.l1.forget_gate.42')).toEqual({ site: 'rnn.l1', signal: 'forget_gate', neuron: 42 })
})
