import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Asked, heldIn, MOST_STEPS, plan, wordFor } from '../src/lib/holding'

const NEURON = 'rnn.l0.cell.3'
const nothing = { hold: '', instead: '', where: '', from: -1, to: -1, step: 0 }
const window = { first: 10, last: 90 }

describe('what is asked for', () => {
  test('is the text on the screen, with a number, a mean or zero', () => {
    expect(plan(nothing, NEURON, window, 500)).toEqual({ span: [10, 90], neuron: NEURON, mode: 'zero' })
    expect(plan({ ...nothing, hold: 'mean', where: 'quoted' }, NEURON, window, 500)).toMatchObject({ mode: 'mean', where: 'quoted' })
    expect(plan({ ...nothing, hold: '-0.5' }, NEURON, window, 500)).toMatchObject({ mode: 'clamp=-0.5' })
    expect(plan({ ...nothing, hold: 'half' }, NEURON, window, 500)).toContain('"half" is no number')
    expect(plan(nothing, NEURON, { first: 0, last: 0 }, 500)).toBe('')
    expect(plan(nothing, NEURON, { first: 0, last: 10 ** 6 }, 10 ** 6)).toMatchObject({ span: [0, MOST_STEPS] })
  })

  test('with values from elsewhere begins at the selected step and is held as long as there are any', () => {
    const marked = { ...nothing, hold: 'span', from: 200, to: 206, step: 40 }
    expect(plan(marked, NEURON, window, 500)).toEqual({ span: [40, 90], neuron: NEURON, mode: 'patch', steps: [0, 6], patch_span: [200, 206] })
    expect(plan({ ...marked, step: 497 }, NEURON, window, 500)).toMatchObject({ span: [497, 500], steps: [0, 3], patch_span: [200, 203] })
    const text = { ...nothing, hold: 'text', instead: 'a😀b', step: 40, where: 'quoted' }
    expect(plan(text, NEURON, window, 500)).toEqual({ span: [40, 90], neuron: NEURON, mode: 'patch', steps: [0, 3], patch: 'a😀b' })
  })

  test('says what is missing', () => {
    expect(plan({ ...nothing, hold: 'span' }, NEURON, window, 500)).toContain('Mark the steps')
    expect(plan({ ...nothing, hold: 'span', from: 490, to: 501 }, NEURON, window, 500)).toContain('Mark the steps')
    expect(plan({ ...nothing, hold: 'text', instead: 'a' }, NEURON, window, 500)).toContain('two letters')
    expect(plan({ ...nothing, hold: 'span', from: 0, to: 5000 }, NEURON, window, 9000)).toContain('4\u202f000')
  })

  test('never leaves the recording, nor what the server takes', () => {
    const number = fc.integer({ min: -1, max: 10000 })
    const wanted = fc.record({
      hold: fc.constantFrom('', 'span', 'text', '1'), instead: fc.string(), where: fc.constant(''), from: number, to: number, step: fc.nat(8999),
    })
    fc.assert(
      fc.property(wanted, fc.nat(8999), fc.nat(9000), (given, first, long) => {
        const asked = plan(given, NEURON, { first, last: Math.min(first + long, 9000) }, 9000)
        if (typeof asked === 'string') return
        const [from, to] = asked.span
        expect(from >= 0 && from < to && to <= 9000 && to - from <= MOST_STEPS).toBe(true)
        if (!asked.steps) return
        expect(asked.steps[1]).toBeLessThanOrEqual(to - from)
        const source = asked.patch_span ? asked.patch_span[1] - asked.patch_span[0] : [...asked.patch!].length
        expect(source).toBeGreaterThanOrEqual(asked.steps[1])
      }),
    )
  })
})

test('what was held is told apart by all that makes it another question', () => {
  const base: Asked = { span: [0, 5], neuron: NEURON, mode: 'zero' }
  const patch: Asked = { ...base, mode: 'patch', steps: [0, 2] }
  const all = [base, { ...base, where: 'quoted' }, { ...patch, patch: 'ab' }, { ...patch, patch: 'ac' }, { ...patch, patch_span: [3, 5] as const }]
  expect(new Set(all.map(heldIn)).size).toBe(all.length)
  expect(heldIn(base)).toBe('rnn.l0.cell.3, zero')
  expect([wordFor(base), wordFor(patch), wordFor({ ...base, mode: 'clamp=1' })]).toEqual(['without it', 'held so', 'held so'])
})
