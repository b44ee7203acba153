/** Values of one neuron for a histogram: all of them, or whole chunks evenly spread over a long trace. */
import { readColumn } from './store/table'
import type { Trace } from './store/trace'

const CHUNKS = 12

export async function sampleValues(
  trace: Trace,
  site: string,
  signal: string,
  neuron: number,
  abort?: AbortSignal,
): Promise<Float32Array> {
  const array = await trace.signal(site, signal)
  const size = array.chunks[0]!
  const chunks = Math.ceil(trace.steps / size)
  const taken = Math.min(chunks, CHUNKS)
  const parts = await Promise.all(
    Array.from({ length: taken }, (_, i) => {
      const at = taken === 1 ? 0 : Math.round((i * (chunks - 1)) / (taken - 1))
      return readColumn(array, neuron, at * size, Math.min((at + 1) * size, trace.steps), abort)
    }),
  )
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
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
