/** Places where a neuron has an ordinary value: those nearest to a quantile of its values. */
import type { Peak } from './peaks'
import { type Sample, stepsOf } from './sample'

/** Two examples closer than this are one. */
const APART = 24

/** `quantile` from 0 to 1; fewer than `wanted` where the sample is short. In the order of the text. */
export function examplesAt(sample: Sample, quantile: number, wanted: number): Peak[] {
  const steps = stepsOf(sample)
  const order = Array.from(sample.values.keys())
    .filter((at) => !Number.isNaN(sample.values[at]))
    .sort((a, b) => sample.values[a]! - sample.values[b]! || a - b)
  if (!order.length) return []
  const middle = Math.round(quantile * (order.length - 1))
  const out: Peak[] = []
  // From the quantile outwards, one rank to each side at a time.
  for (let away = 0; away < order.length && out.length < wanted; away++) {
    for (const rank of away ? [middle - away, middle + away] : [middle]) {
      const at = order[rank]
      if (at === undefined || out.length === wanted) continue
      const step = steps[at]!
      if (out.every((taken) => Math.abs(taken.step - step) >= APART)) out.push({ step, value: sample.values[at]! })
    }
  }
  return out.sort((a, b) => a.step - b.step)
}
