/** The text of a trace by steps, read chunk by chunk, and where its sequences lie. */
import { PageError } from './errors'
import type { Trace } from './trace'
import type { TraceArray } from './array'
import { chunkSpan } from './table'

const MAX_SEQUENCES = 262_144 // beyond this their bounds are not worth fetching; the text is shown as one

export interface Sequence {
  start: number
  stop: number
}

export class Symbols {
  private constructor(
    private readonly array: TraceArray | undefined,
    readonly sequences: readonly Sequence[],
    readonly steps: number,
  ) {}

  static async open(trace: Trace): Promise<Symbols> {
    const none = trace.attributes.symbols.kind === 'none'
    const [array, sequences] = await Promise.all([none ? undefined : trace.need('symbols'), readSequences(trace)])
    return new Symbols(array, sequences, trace.steps)
  }

  /** Whether steps carry symbols at all. */
  get written(): boolean {
    return this.array !== undefined
  }

  async load(start: number, stop: number, signal?: AbortSignal): Promise<void> {
    if (!this.array || start >= stop) return
    const [first, last] = chunkSpan(this.array, start, stop)
    await Promise.all(Array.from({ length: last - first }, (_, i) => this.array!.chunk([first + i], signal)))
  }

  /** Symbols of [start, stop), or nothing while a chunk of them is missing. */
  peek(start: number, stop: number): Uint32Array | undefined {
    const out = new Uint32Array(stop - start)
    if (!this.array || start >= stop) return out
    const size = this.array.chunks[0]!
    const [first, last] = chunkSpan(this.array, start, stop)
    for (let at = first; at < last; at++) {
      const data = this.array.peek(at) as Uint32Array | undefined
      if (!data) return undefined
      const from = Math.max(start, at * size)
      const to = Math.min(stop, (at + 1) * size)
      out.set(data.subarray(from - at * size, to - at * size), from - start)
    }
    return out
  }

  async read(start: number, stop: number, signal?: AbortSignal): Promise<Uint32Array> {
    await this.load(start, stop, signal)
    return this.peek(start, stop)!
  }

  /** The number of the sequence that holds `step`. */
  sequenceOf(step: number): number {
    let low = 0
    let high = this.sequences.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.sequences[middle]!.start <= step) low = middle
      else high = middle - 1
    }
    return low
  }
}

async function readSequences(trace: Trace): Promise<Sequence[]> {
  const whole = [{ start: 0, stop: trace.steps }]
  const array = await trace.array('sequences')
  const count = array?.shape[0] ?? 1
  if (!array || count <= 1 || count > MAX_SEQUENCES) return whole
  const rows = array.chunks[0]!
  const out: Sequence[] = []
  for (let at = 0; at * rows < count; at++) {
    const data = await array.chunk([at, 0])
    for (let row = 0; row < rows && at * rows + row < count; row++) {
      const start = Number(data[row * 2])
      const stop = Math.min(Number(data[row * 2 + 1]), trace.steps)
      if (start < stop) out.push({ start, stop })
    }
  }
  if (out.some((sequence, i) => i > 0 && sequence.start < out[i - 1]!.stop)) {
    throw new PageError('The sequences of this trace overlap.', 'Run `unrolled check` on it.')
  }
  return out.length ? out : whole
}
