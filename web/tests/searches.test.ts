import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { changesOf, compareOdds, sameLength } from '../src/lib/ablation'
import { groupByNext, type Match } from '../src/lib/matches'

const place = (start: number, next: string | null): Match => ({ start, stop: start + 2, on: 3, others: 0, next })

describe('places by what comes next', () => {
  test('keep the order of both, and leave out what has no place among the best', () => {
    const next = [
      { symbol: 'e', places: 9, share: 0.6 },
      { symbol: 'x', places: 4, share: 0.3 },
      { symbol: null, places: 2, share: 0.1 },
    ]
    const groups = groupByNext({ matches: [place(50, null), place(7, 'e'), place(3, 'e')], next })
    expect(groups.map(({ symbol }) => symbol)).toEqual(['e', null])
    expect(groups[0]!.matches.map(({ start }) => start)).toEqual([7, 3])
  })
})

describe('a neuron that was switched off', () => {
  test('changes the loss where a symbol is known to follow', () => {
    const reading = (loss: (number | null)[]) => ({ loss, likeliest: [] })
    const by_step = { held: [], before: reading([1, 0.5, null]), after: reading([1.5, 0.25, null]) }
    expect([...changesOf({ by_step })]).toEqual([0.5, -0.25, NaN])
  })

  test('odds stand beside each other by symbol', () => {
    expect(compareOdds([['a', 0.7], ['b', 0.2]], [['c', 0.6], ['a', 0.3]])).toEqual([
      { symbol: 'a', before: 0.7, after: 0.3 },
      { symbol: 'b', before: 0.2, after: undefined },
      { symbol: 'c', before: undefined, after: 0.6 },
    ])
  })

  test('two samples are alike up to where they part', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (start, one, other) => {
        const length = sameLength(start + one, start + other)
        expect(length).toBeGreaterThanOrEqual(start.length)
        expect((start + one).slice(0, length)).toBe((start + other).slice(0, length))
        if (length < Math.min((start + one).length, (start + other).length)) {
          expect((start + one)[length]).not.toBe((start + other)[length])
        }
      }),
    )
  })
})
