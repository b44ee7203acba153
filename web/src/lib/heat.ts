/** Values of one layer's signal over a window: all neurons at single steps or at the blocks of a zoom level. */
import { chunkSpan } from './store/table'
import type { Data, TraceArray } from './store/array'
import type { Trace } from './store/trace'

export interface HeatSource {
  array: TraceArray
  /** Steps that one column stands for. */
  size: number
  /** Columns of the whole trace. */
  columns: number
  neurons: number
  /** Which of the zoom arrays' kinds is read: the mean; −1 for single steps. */
  kind: number
}

const MEAN = 2

export async function heatSource(trace: Trace, site: string, signal: string, level: number): Promise<HeatSource> {
  const size = trace.attributes.zoom.blocks[level] ?? 1
  const array = size === 1 ? await trace.signal(site, signal) : await trace.need(`zoom/${site}/${signal}/${level}`)
  const columns = Math.min(Math.ceil(trace.steps / size), array.shape[0]!)
  return { array, size, columns, neurons: array.shape[1]!, kind: size === 1 ? -1 : MEAN }
}

function place(source: HeatSource, row: number, block: number): number[] {
  return source.kind < 0 ? [row, block] : [row, block, 0]
}

/** The chunks that columns [start, stop) of all neurons need. */
function places(source: HeatSource, start: number, stop: number): number[][] {
  const [first, last] = chunkSpan(source.array, start, stop)
  const blocks = Math.ceil(source.neurons / source.array.chunks[1]!)
  const out: number[][] = []
  for (let row = first; row < last; row++) for (let block = 0; block < blocks; block++) out.push(place(source, row, block))
  return out
}

export async function loadHeat(
  source: HeatSource,
  start: number,
  stop: number,
  abort?: AbortSignal,
  arrived?: () => void,
): Promise<void> {
  await Promise.all(places(source, start, stop).map((at) => source.array.chunk(at, abort).then(arrived)))
}

/** One row a neuron, one column a step or block of [start, stop); NaN where a chunk is not here yet. */
export function peekHeat(source: HeatSource, start: number, stop: number): Float32Array[] {
  const { array, neurons, kind } = source
  const [rows, columns, kinds = 1] = array.chunks as [number, number, number?]
  const [first, last] = chunkSpan(array, start, stop)
  const out = Array.from({ length: neurons }, () => new Float32Array(stop - start).fill(NaN))
  for (let row = first; row < last; row++) {
    for (let block = 0; block * columns < neurons; block++) {
      const data = array.peek(...place(source, row, block))
      if (data) copy(data, out, row * rows, block * columns, { rows, columns, kinds }, Math.max(kind, 0), start, stop)
    }
  }
  return out
}

function copy(
  data: Data,
  out: Float32Array[],
  base: number,
  firstNeuron: number,
  { rows, columns, kinds }: { rows: number; columns: number; kinds: number },
  kind: number,
  start: number,
  stop: number,
): void {
  const from = Math.max(start, base)
  const to = Math.min(stop, base + rows)
  const count = Math.min(columns, out.length - firstNeuron)
  for (let column = 0; column < count; column++) {
    const target = out[firstNeuron + column]!
    for (let at = from; at < to; at++) target[at - start] = Number(data[((at - base) * columns + column) * kinds + kind])
  }
}
