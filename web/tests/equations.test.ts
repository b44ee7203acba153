import { describe, expect, test } from 'vitest'
import { agrees, equationsOf, statesBefore } from '../src/lib/equations/equations'

const now = { forget_gate: 0.5, input_gate: 0.25, candidate: -0.8, output_gate: 0.9, cell: 0.3, hidden: 0.262 }

describe('LSTM', () => {
  const [state, shown] = equationsOf('lstm', now, { cell: 1 })

  test('c = f · c₋₁ + i · g, by hand: 0.5 · 1 + 0.25 · (−0.8) = 0.3', () => {
    expect(state!.result).toBeCloseTo(0.3, 12)
    expect(state!.numbers).toBe('0.5000 · 1.0000 + 0.2500 · (−0.8000)')
    expect(agrees(state!)).toBe(true)
  })

  test('h = o · tanh(c), by hand: 0.9 · tanh 0.3 = 0.9 · 0.2913126', () => {
    expect(shown!.result).toBeCloseTo(0.26218135, 7)
    expect(shown!.numbers).toBe('0.9000 · tanh(0.3000)')
    expect(agrees(shown!)).toBe(true)
  })

  test('a recording that does not add up is said so: gates swapped', () => {
    const [wrong] = equationsOf('lstm', { ...now, forget_gate: 0.25, input_gate: 0.5 }, { cell: 1 })
    expect(wrong!.result).toBeCloseTo(-0.15, 12)
    expect(agrees(wrong!)).toBe(false)
  })

  test('what was not recorded leaves its equation out', () => {
    expect(equationsOf('lstm', { ...now, forget_gate: undefined }, { cell: 1 }).map((e) => e.formula)).toEqual([
      'h = o · tanh(c)',
    ])
    expect(equationsOf('lstm', now, {}).map((e) => e.formula)).toEqual(['h = o · tanh(c)'])
  })
})

test('GRU: h = (1 − z) · n + z · h₋₁, by hand: 0.25 · 0.4 + 0.75 · (−0.2) = −0.05', () => {
  const [mixed] = equationsOf('gru', { update_gate: 0.75, candidate: 0.4, reset_gate: 0.1, hidden: -0.05 }, { hidden: -0.2 })
  expect(mixed!.result).toBeCloseTo(-0.05, 12)
  expect(mixed!.numbers).toBe('(1 − 0.7500) · 0.4000 + 0.7500 · (−0.2000)')
  expect(agrees(mixed!)).toBe(true)
})

test('LSTM without input gate: c = f · c₋₁ + g, by hand: 0.5 · 0.6 + (−0.2) = 0.1', () => {
  const [state] = equationsOf('no-input-gate', { forget_gate: 0.5, candidate: -0.2, cell: 0.1 }, { cell: 0.6 })
  expect(state!.formula).toBe('c = f · c₋₁ + g')
  expect(state!.numbers).toBe('0.5000 · 0.6000 + (−0.2000)')
  expect(state!.result).toBeCloseTo(0.1, 12)
})

test('a cell that is not known has no equations with numbers', () => {
  expect(equationsOf('rnn', { hidden: 0.1 }, { hidden: 0.2 })).toEqual([])
})

test('only what an equation needs is asked for before a step', () => {
  expect([...statesBefore('lstm')]).toEqual(['cell'])
  expect([...statesBefore('peephole')]).toEqual(['cell'])
  expect([...statesBefore('gru')]).toEqual(['hidden'])
  for (const cell of ['rnn', 'feedforward', 'mine']) expect(statesBefore(cell).size).toBe(0)
})
