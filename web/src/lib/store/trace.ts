/** A trace: its attributes, and its arrays, opened when first asked for. */
import { type ChunkCache, type Data, TraceArray } from './array'
import { LoadCache } from './cache'
import { registerCodecs } from './codecs'
import { PageError } from './errors'
import { checkAttributes, type TraceAttributes } from './format'
import { HttpStore } from './http'

const CACHE_BYTES = 192 * 2 ** 20

/** One cache for all traces, so that the whole page stays bounded. */
const chunks: ChunkCache = new LoadCache<Data>(CACHE_BYTES, (data) => data.byteLength)

interface GroupMetadata {
  attributes?: unknown
  consolidated_metadata?: { metadata?: Record<string, unknown> } | null
}

export class Trace {
  private readonly arrays = new Map<string, Promise<TraceArray | undefined>>()

  private constructor(
    readonly store: HttpStore,
    readonly attributes: TraceAttributes,
    private readonly consolidated: Record<string, unknown>,
  ) {}

  /** `path` is relative to the page and ends with a slash. */
  static async open(path: string, signal?: AbortSignal): Promise<Trace> {
    registerCodecs()
    const store = new HttpStore(path)
    const group = (await store.json('zarr.json', signal ? { signal } : {})) as GroupMetadata | undefined
    if (!group) throw new PageError(`There is no trace at ${path}.`, 'Go back to the gallery to see what there is.')
    return new Trace(store, checkAttributes(group.attributes), group.consolidated_metadata?.metadata ?? {})
  }

  /** Steps that lie safely on the disk; nothing beyond them is shown. */
  get steps(): number {
    return this.attributes.complete_steps ?? 0
  }

  array(path: string): Promise<TraceArray | undefined> {
    let found = this.arrays.get(path)
    if (!found) {
      found = this.openArray(path)
      this.arrays.set(path, found)
      found.catch(() => this.arrays.delete(path)) // a failed look may be tried again
    }
    return found
  }

  /** As `array`, where its absence is a fault of the trace. */
  async need(path: string): Promise<TraceArray> {
    const array = await this.array(path)
    if (!array) throw new PageError(`The trace lacks ${path}.`, 'Record it again with `unrolled trace`.')
    return array
  }

  signal(site: string, signal: string): Promise<TraceArray> {
    return this.need(`signals/${site}/${signal}`)
  }

  private async openArray(path: string): Promise<TraceArray | undefined> {
    const metadata = this.consolidated[path] ?? (await this.store.json(`${path}/zarr.json`))
    return metadata ? new TraceArray(this.store, path, metadata as never, chunks) : undefined
  }
}
