import { describe, expect, test } from 'vitest'
import { likenessOrder } from '../src/lib/likeness'

const wave = (phase: number, noise: number) =>
  Float32Array.from({ length: 128 }, (_, t) => Math.sin((t / 128) * 6 * Math.PI + phase) + noise * Math.sin(t * t))

describe('order by likeness', () => {
  test('brings two groups that were shuffled together', () => {
    const rows = [wave(0, 0.05), wave(1.6, 0.05), wave(0.02, 0.1), wave(1.62, 0.1), wave(0.04, 0.07), wave(1.58, 0.02)]
    const groups = likenessOrder(rows).map((neuron) => neuron % 2)
    expect(groups.slice(1).filter((group, i) => group !== groups[i])).toHaveLength(1)
  })

  test('follows a phase round the circle', () => {
    const phases = [3, 0, 5, 1, 4, 2]
    const order = likenessOrder(phases.map((phase) => wave((phase / 6) * 2 * Math.PI, 0))).map((neuron) => phases[neuron]!)
    const jumps = order.slice(1).map((phase, i) => (phase - order[i]! + 6) % 6)
    expect(jumps.every((jump) => jump === 1) || jumps.every((jump) => jump === 5)).toBe(true)
  })

  test('is a permutation, with neurons that never change at its end', () => {
    const rows = [new Float32Array(128), wave(0, 0), wave(1, 0), new Float32Array(128).fill(2), wave(2, 0)]
    const order = likenessOrder(rows)
    expect([...order].sort()).toEqual([0, 1, 2, 3, 4])
    expect(order.slice(3)).toEqual([0, 3])
  })
})
