import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { halfLifeOf, numbersOf } from '../src/lib/gates'
import { Correlation } from '../src/lib/neighbours'
import { examplesAt } from '../src/lib/quantiles'
import { sampledSpans } from '../src/lib/sample'

describe('a sample', () => {
  const spans = (steps: number) => sampledSpans({ steps }, { chunks: [100, 8] }, 4)

  test('is all of a short trace, and chunks from end to end of a long one', () => {
    expect(spans(250)).toEqual([{ start: 0, stop: 100 }, { start: 100, stop: 200 }, { start: 200, stop: 250 }])
    expect(spans(10_050).map(({ start }) => start)).toEqual([0, 3300, 6700, 10_000])
    expect(spans(10_050).at(-1)!.stop).toBe(10_050)
  })
})

describe('examples at a quantile', () => {
  const sample = (values: number[]) => ({ values: Float32Array.from(values), spans: [{ start: 1000, stop: 1000 + values.length }] })

  test('have the values in the middle of the sorted ones', () => {
    const ramp = sample(Array.from({ length: 1001 }, (_, i) => (i * 383) % 1001))
    for (const quantile of [0.05, 0.25, 0.5, 0.75, 0.95]) {
      const found = examplesAt(ramp, quantile, 5)
      expect(found).toHaveLength(5)
      for (const { step, value } of found) {
        expect(value).toBe(((step - 1000) * 383) % 1001)
        expect(Math.abs(value - quantile * 1000)).toBeLessThan(20)
      }
    }
  })

  test('lie apart, in the order of the text', () => {
    const steps = examplesAt(sample(Array.from({ length: 500 }, (_, i) => Math.floor(i / 100))), 0.5, 9).map(({ step }) => step)
    expect(steps.length).toBeGreaterThan(2)
    expect(steps.slice(1).every((step, i) => step - steps[i]! >= 24)).toBe(true)
  })

  test('are as many as there are, and none of what has no value', () => {
    expect(examplesAt(sample([1, NaN, 2]), 0.5, 4)).toHaveLength(1)
    expect(examplesAt(sample([NaN]), 0.5, 4)).toEqual([])
  })
})

describe('gates', () => {
  test('are shut, open or between', () => {
    expect(numbersOf(Float32Array.of(0.05, 0.95, 0.99, 0.5))).toEqual({ mean: expect.closeTo(0.6225, 6), shut: 0.25, open: 0.5 })
  })

  test('half of what a constant gate keeps is gone after its half-life', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.999, noNaN: true }), (gate) => {
        const steps = halfLifeOf(new Float32Array(50).fill(gate))
        expect(Math.fround(gate) ** steps).toBeCloseTo(0.5, 5)
      }),
    )
    expect(halfLifeOf(new Float32Array(4).fill(1))).toBe(Infinity)
    expect(halfLifeOf(Float32Array.of(0, 0.5))).toBe(0)
  })
})

describe('correlation', () => {
  const columns = fc.array(fc.tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.double({ min: -1, max: 1, noNaN: true })), {
    minLength: 3,
    maxLength: 60,
  })

  test('is the mean product of standard scores, in however many parts it is taken', () => {
    fc.assert(
      fc.property(columns, fc.nat(60), (pairs, cut) => {
        const part = (at: 0 | 1, from: number, to?: number) => pairs.slice(from, to).map((pair) => pair[at])
        const sums = new Correlation()
        sums.add(part(0, 0, cut), part(1, 0, cut))
        sums.add(part(0, cut), part(1, cut))
        const scores = ([0, 1] as const).map((at) => {
          const all = part(at, 0)
          const mean = all.reduce((a, b) => a + b, 0) / all.length
          const spread = Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length)
          return spread > 1e-3 ? all.map((value) => (value - mean) / spread) : undefined
        })
        fc.pre(scores.every((column) => column !== undefined))
        const [x, y] = scores as [number[], number[]]
        expect(sums.value).toBeCloseTo(x.reduce((sum, value, i) => sum + value * y[i]!, 0) / x.length, 6)
      }),
    )
  })

  test('with what never changes is nothing', () => {
    const sums = new Correlation()
    sums.add([1, 2, 3], [0.7, 0.7, 0.7])
    expect(sums.value).toBe(0)
  })
})
