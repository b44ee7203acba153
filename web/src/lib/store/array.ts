/** One array of a trace, read by whole chunks, decoded and cached; floats of either size come out as Float32Array. */
import { Array as ZarrArray } from 'zarrita'
import type { LoadCache } from './cache'
import { DamagedError, PageError } from './errors'
import { fromFloat16 } from './float16'
import type { HttpStore } from './http'

export type Data = Float32Array | Uint32Array | Uint8Array | BigInt64Array
export type ChunkCache = LoadCache<Data>

interface Metadata {
  node_type?: string
  shape: number[]
  data_type: string
  fill_value: unknown
}

export class TraceArray {
  readonly shape: readonly number[]
  readonly chunks: readonly number[]
  private readonly half: boolean
  private readonly array: ZarrArray<'float32' | 'uint16', HttpStore>

  constructor(
    store: HttpStore,
    readonly path: string,
    metadata: Metadata,
    private readonly cache: ChunkCache,
  ) {
    this.half = metadata.data_type === 'float16'
    // Half floats are read as their bits: not every browser has an array for them.
    const read = this.half ? { ...metadata, data_type: 'uint16', fill_value: 0 } : metadata
    this.array = new ZarrArray(store, `/${path}`, read as never)
    this.shape = this.array.shape
    this.chunks = this.array.chunks
  }

  peek(...at: number[]): Data | undefined {
    return this.cache.peek(this.key(at))
  }

  /** The whole chunk, padded at the array's edge as it is stored. */
  chunk(at: number[], signal?: AbortSignal): Promise<Data> {
    return this.cache.load(this.key(at), (shared) => this.fetch(at, shared), signal)
  }

  private key(at: number[]): string {
    return `${this.array.store.base}${this.path}/${at.join('/')}`
  }

  private async fetch(at: number[], signal: AbortSignal): Promise<Data> {
    let data: ArrayBufferView
    try {
      data = (await this.array.getChunk(at, { signal })).data
    } catch (error) {
      throw withPlace(error, this.path, at)
    }
    const expected = this.chunks.reduce((a, b) => a * b, 1)
    if ((data as Float32Array).length !== expected) {
      throw new DamagedError(`${this.path}: chunk ${at.join('/')} has the wrong size.`, 'Record the trace again.')
    }
    return this.half ? fromFloat16(data as unknown as Uint16Array) : (data as unknown as Data)
  }
}

/** Says which array and chunk could not be read; the cause stays attached. */
function withPlace(error: unknown, path: string, at: number[]): unknown {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PageError) {
      const text = `${path}, chunk ${at.join('/')}: ${cause.message}`
      return cause instanceof DamagedError
        ? new DamagedError(text, cause.hint, { cause })
        : new PageError(text, cause.hint, { cause })
    }
  }
  return error
}
