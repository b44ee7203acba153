/** Values of one neuron: all of them, or whole chunks evenly spread over a long trace. */
import type { TraceArray } from './store/array'
import { readColumn } from './store/table'
import type { Trace } from './store/trace'

const CHUNKS = 12

export interface Span {
  start: number
  stop: number
}

/** Whole chunks, no more than `most`, from the first to the last. */
export function sampledSpans({ steps }: Pick<Trace, 'steps'>, { chunks }: Pick<TraceArray, 'chunks'>, most = CHUNKS): Span[] {
  const size = chunks[0]!
  const all = Math.ceil(steps / size)
  const taken = Math.min(all, most)
  return Array.from({ length: taken }, (_, i) => {
    const at = taken === 1 ? 0 : Math.round((i * (all - 1)) / (taken - 1))
    return { start: at * size, stop: Math.min((at + 1) * size, steps) }
  })
}

export interface Sample {
  values: Float32Array
  /** Where they are from, in order. */
  spans: Span[]
}

export async function sampleValues(
  trace: Trace,
  site: string,
  signal: string,
  neuron: number,
  abort?: AbortSignal,
): Promise<Sample> {
  const array = await trace.signal(site, signal)
  const spans = sampledSpans(trace, array)
  const parts = await Promise.all(spans.map(({ start, stop }) => readColumn(array, neuron, start, stop, abort)))
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    values.set(part, at)
    at += part.length
  }
  return { values, spans }
}

/** The step of each value. */
export function stepsOf({ values, spans }: Sample): Float64Array {
  const steps = new Float64Array(values.length)
  let at = 0
  for (const { start, stop } of spans) for (let step = start; step < stop; step++) steps[at++] = step
  return steps
}

/** How many values fall into each of `bins` equal parts of the domain; values beyond it count at its ends. */
export function histogram(values: Float32Array, [low, high]: readonly [number, number], bins: number): Uint32Array {
  const counts = new Uint32Array(bins)
  for (const value of values) {
    if (Number.isNaN(value)) continue
    const at = Math.floor(((value - low) / (high - low)) * bins)
    counts[Math.min(Math.max(at, 0), bins - 1)]!++
  }
  return counts
}
