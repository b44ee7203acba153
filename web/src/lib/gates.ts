/** How a neuron's gates behave: how often they are shut or open, and how long its state lasts. */
import { keepsOf } from './history'
import type { Found } from './session'
import { sampleValues } from './sample'
import { siblings } from './step'
import type { SignalInfo } from './store/format'
import type { Trace } from './store/trace'

/** A gate below the first is shut, above the second open. */
export const SHUT = 0.1
export const OPEN = 0.9

export interface GateNumbers {
  signal: SignalInfo
  mean: number
  /** Shares of the steps. */
  shut: number
  open: number
}

export interface GateReport {
  gates: GateNumbers[]
  /** Steps after which half of what the state holds is gone; infinite where nothing ever goes. Nothing for cells without one. */
  halfLife: number | undefined
}

export function numbersOf(values: Float32Array): Omit<GateNumbers, 'signal'> {
  let [sum, shut, open] = [0, 0, 0]
  for (const value of values) {
    sum += value
    if (value < SHUT) shut++
    if (value > OPEN) open++
  }
  return { mean: sum / values.length, shut: shut / values.length, open: open / values.length }
}

/** ln ½ over the mean of ln f: of a gate that stands still, exactly the steps after which half is left. */
export function halfLifeOf(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + Math.log(value), 0) / values.length
  return mean < 0 ? Math.LN2 / -mean : Infinity
}

export async function readGates(trace: Trace, { site, signal, neuron }: Found, abort?: AbortSignal): Promise<GateReport> {
  const gates = siblings(site, signal).filter(({ role }) => role === 'gate')
  const samples = await Promise.all(gates.map(({ name }) => sampleValues(trace, site.name, name, neuron, abort)))
  const keeps = gates.findIndex(({ name }) => name === keepsOf(site.cell))
  return {
    gates: gates.map((gate, at) => ({ signal: gate, ...numbersOf(samples[at]!.values) })),
    halfLife: keeps < 0 ? undefined : halfLifeOf(samples[keeps]!.values),
  }
}
