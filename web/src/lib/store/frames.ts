/** The pictures of a film's trace, one a step, read chunk by chunk. */
import type { TraceArray } from './array'
import { chunkSpan } from './table'
import type { Trace } from './trace'

export class Frames {
  private constructor(
    private readonly array: TraceArray,
    readonly height: number,
    readonly width: number,
  ) {}

  /** Nothing where the trace is no film's. */
  static async open(trace: Trace): Promise<Frames | undefined> {
    if (!trace.attributes.frames) return undefined
    const array = await trace.need('frames')
    return new Frames(array, array.shape[1]!, array.shape[2]!)
  }

  async load(start: number, stop: number, signal?: AbortSignal): Promise<void> {
    const [first, last] = chunkSpan(this.array, start, stop)
    await Promise.all(Array.from({ length: last - first }, (_, i) => this.array.chunk([first + i, 0, 0, 0], signal)))
  }

  has(start: number, stop: number): boolean {
    const [first, last] = chunkSpan(this.array, start, stop)
    for (let at = first; at < last; at++) if (!this.array.peek(at, 0, 0, 0)) return false
    return true
  }

  /** Writes the picture of a step into `out`, opaque red, green and blue; nothing while its chunk is missing. */
  copy(step: number, out: Pick<ImageData, 'data'>): void {
    const chunk = this.array.chunks[0]!
    const data = this.array.peek(Math.floor(step / chunk), 0, 0, 0)
    if (!data) return
    const pixels = this.height * this.width
    const from = (step % chunk) * pixels * 3
    for (let i = 0; i < pixels; i++) {
      for (let colour = 0; colour < 3; colour++) out.data[4 * i + colour] = Number(data[from + 3 * i + colour])
      out.data[4 * i + 3] = 255
    }
  }
}
