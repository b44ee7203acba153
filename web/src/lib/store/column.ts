/** One value a step, some of which may have to be fetched first. */
import type { TraceArray } from './array'
import { hasColumn, loadColumn, peekColumn } from './table'

export interface Column {
  /** Whether all of [start, stop) is at hand. */
  has(start: number, stop: number): boolean
  /** Values of [start, stop); NaN where there is none, or none yet. */
  peek(start: number, stop: number): Float32Array
  /** Fetches what `peek` needs; `arrived` is called as each part of it lands. */
  load(start: number, stop: number, signal?: AbortSignal, arrived?: () => void): Promise<void>
}

/** One neuron of a (steps × neurons) array. */
export function columnOf(array: TraceArray, neuron: number): Column {
  return {
    has: (start, stop) => hasColumn(array, neuron, start, stop),
    peek: (start, stop) => peekColumn(array, neuron, start, stop),
    load: (start, stop, signal, arrived) => loadColumn(array, neuron, start, stop, signal, arrived),
  }
}

/** Values that are at hand, of the steps from `first`; there are none elsewhere. */
export function columnFrom(values: ArrayLike<number>, first: number): Column {
  return {
    has: () => true,
    peek: (start, stop) => Float32Array.from({ length: stop - start }, (_, i) => values[start + i - first] ?? NaN),
    load: () => Promise.resolve(),
  }
}
