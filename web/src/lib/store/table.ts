/** Reading columns and rows of a (steps × neurons) array out of its chunks. */
import type { Data, TraceArray } from './array'

/** Chunk numbers along the first axis that hold [start, stop). */
export function chunkSpan(array: TraceArray, start: number, stop: number): [number, number] {
  const size = array.chunks[0]!
  return [Math.floor(start / size), Math.max(Math.ceil(stop / size), Math.floor(start / size) + 1)]
}

/** Values of one neuron at [start, stop); NaN where a chunk is not here yet. */
export function peekColumn(array: TraceArray, neuron: number, start: number, stop: number): Float32Array {
  const out = new Float32Array(stop - start).fill(NaN)
  const [rows, columns] = array.chunks as [number, number]
  const block = Math.floor(neuron / columns)
  const [first, last] = chunkSpan(array, start, stop)
  for (let at = first; at < last; at++) {
    const data = array.peek(at, block)
    if (data) copyColumn(data, out, at * rows, columns, neuron % columns, start, stop, rows)
  }
  return out
}

function copyColumn(
  data: Data,
  out: Float32Array,
  base: number,
  columns: number,
  column: number,
  start: number,
  stop: number,
  rows: number,
): void {
  const from = Math.max(start, base)
  const to = Math.min(stop, base + rows)
  for (let step = from; step < to; step++) out[step - start] = Number(data[(step - base) * columns + column])
}

export function hasColumn(array: TraceArray, neuron: number, start: number, stop: number): boolean {
  const block = Math.floor(neuron / array.chunks[1]!)
  const [first, last] = chunkSpan(array, start, stop)
  for (let at = first; at < last; at++) if (!array.peek(at, block)) return false
  return true
}

/** Fetches what [start, stop) of one neuron needs; `arrived` is called as each chunk lands. */
export async function loadColumn(
  array: TraceArray,
  neuron: number,
  start: number,
  stop: number,
  signal?: AbortSignal,
  arrived?: () => void,
): Promise<void> {
  const block = Math.floor(neuron / array.chunks[1]!)
  const [first, last] = chunkSpan(array, start, stop)
  const waits: Promise<unknown>[] = []
  for (let at = first; at < last; at++) waits.push(array.chunk([at, block], signal).then(arrived))
  await Promise.all(waits)
}

export async function readColumn(
  array: TraceArray,
  neuron: number,
  start: number,
  stop: number,
  signal?: AbortSignal,
): Promise<Float32Array> {
  await loadColumn(array, neuron, start, stop, signal)
  return peekColumn(array, neuron, start, stop)
}

/** One row of a two-dimensional array: all columns at `row`. */
export async function readRow(array: TraceArray, row: number, signal?: AbortSignal): Promise<number[]> {
  const [rows, columns] = array.chunks as [number, number]
  const width = array.shape[1]!
  const at = Math.floor(row / rows)
  const parts = await Promise.all(
    Array.from({ length: Math.ceil(width / columns) }, (_, block) => array.chunk([at, block], signal)),
  )
  const out: number[] = []
  for (let column = 0; column < width; column++) {
    const data = parts[Math.floor(column / columns)]!
    out.push(Number(data[(row - at * rows) * columns + (column % columns)]))
  }
  return out
}

/** One neuron of a zoom array (blocks × neurons × 3): min, max and mean of blocks [start, stop), one after the other. */
export async function readZoom(
  array: TraceArray,
  neuron: number,
  start: number,
  stop: number,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const [rows, columns, kinds] = array.chunks as [number, number, number]
  const block = Math.floor(neuron / columns)
  const column = neuron % columns
  const [first, last] = chunkSpan(array, start, stop)
  const out = new Float32Array((stop - start) * 3)
  await Promise.all(
    Array.from({ length: last - first }, async (_, i) => {
      const base = (first + i) * rows
      const data = await array.chunk([first + i, block, 0], signal)
      for (let row = Math.max(start, base); row < Math.min(stop, base + rows); row++) {
        const from = ((row - base) * columns + column) * kinds
        for (let kind = 0; kind < 3; kind++) out[(row - start) * 3 + kind] = Number(data[from + kind])
      }
    }),
  )
  return out
}
