/** Numbers of each neuron over the whole trace. */
import type { Trace } from './store/trace'

export interface Statistics {
  min: Float32Array
  max: Float32Array
  mean: Float32Array
  variance: Float32Array
  largest: Float32Array
}

const known = new WeakMap<Trace, Map<string, Promise<Statistics | undefined>>>()

export function statisticsOf(trace: Trace, site: string, signal: string): Promise<Statistics | undefined> {
  let mine = known.get(trace)
  if (!mine) known.set(trace, (mine = new Map()))
  const path = `statistics/${site}/${signal}`
  let found = mine.get(path)
  if (!found) {
    found = read(trace, path)
    mine.set(path, found)
    found.catch(() => mine.delete(path))
  }
  return found
}

async function read(trace: Trace, path: string): Promise<Statistics | undefined> {
  const array = await trace.array(path)
  if (!array) return undefined
  const neurons = array.shape[0]!
  const rows = array.chunks[0]!
  const columns = Array.from({ length: 5 }, () => new Float32Array(neurons))
  for (let at = 0; at * rows < neurons; at++) {
    const data = await array.chunk([at, 0])
    for (let row = 0; row < rows && at * rows + row < neurons; row++) {
      columns.forEach((column, kind) => (column[at * rows + row] = Number(data[row * 5 + kind])))
    }
  }
  const [min, max, mean, variance, largest] = columns as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  return { min, max, mean, variance, largest }
}

/** Neurons, the most lively first. */
export function byVariance({ variance }: Statistics): number[] {
  return Array.from(variance.keys()).sort((a, b) => variance[b]! - variance[a]! || a - b)
}
