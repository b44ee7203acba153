/** A read-only store over HTTP in the shape zarrita asks for, with Range requests that are checked. */
import { DamagedError, PageError } from './errors'

type Options = { signal?: AbortSignal }
type Range = { offset: number; length: number } | { suffixLength: number }

const NO_RANGE_HINT = 'Serve the folder with `unrolled explore`, or with any server that answers Range requests.'

export class HttpStore {
  /** `base` ends with a slash and may be relative to the page. */
  constructor(readonly base: string) {}

  async get(key: string, options: Options = {}): Promise<Uint8Array | undefined> {
    const response = await this.request(key, {}, options.signal)
    // Every chunk of a trace is written: one that is not there would pass as zeros.
    if (!response && /\/c(\/\d+)+$/.test(key)) throw missing(key)
    return response && new Uint8Array(await response.arrayBuffer())
  }

  async json(key: string, options: Options = {}): Promise<unknown> {
    const response = await this.request(key, {}, options.signal)
    if (!response) return undefined
    const text = await response.text()
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new DamagedError(`${this.base}${key.replace(/^\//, '')} is not JSON.`, 'Record or copy the trace again.', {
        cause,
      })
    }
  }

  async getRange(key: string, range: Range, options: Options = {}): Promise<Uint8Array> {
    const suffix = 'suffixLength' in range
    const header = suffix ? `bytes=-${range.suffixLength}` : `bytes=${range.offset}-${range.offset + range.length - 1}`
    // The index of a shard is shared by all who read from it: one reader's change of mind must not take it from the others.
    const response = await this.request(key, { Range: header }, suffix ? undefined : options.signal)
    if (!response) throw missing(key)
    const bytes = new Uint8Array(await response.arrayBuffer())
    const length = suffix ? range.suffixLength : range.length
    if (response.status === 206) {
      if (bytes.length !== length) throw new DamagedError(`${key} is cut short.`, 'Copy or record the trace again.')
      return bytes
    }
    if (bytes.length < length + (suffix ? 0 : range.offset)) {
      throw new PageError(`The server did not answer a Range request for ${key}.`, NO_RANGE_HINT)
    }
    return suffix ? bytes.subarray(bytes.length - length) : bytes.subarray(range.offset, range.offset + length)
  }

  private async request(key: string, headers: Record<string, string>, signal?: AbortSignal) {
    const address = this.base + key.replace(/^\//, '')
    let response: Response
    try {
      response = await fetch(address, signal ? { headers, signal } : { headers })
    } catch (cause) {
      if (signal?.aborted) throw cause
      throw new PageError(`${address} cannot be reached.`, 'Is `unrolled explore` still running? Then reload.', { cause })
    }
    if (response.status === 404) return await ended(response)
    if (response.status === 416) {
      await ended(response)
      throw new DamagedError(`${address} is cut short.`, 'Copy or record the trace again.')
    }
    if (!response.ok) throw await refusal(address, response)
    return response
  }
}

/** An answer whose body nobody reads would keep its connection. */
async function ended(response: Response): Promise<undefined> {
  await response.arrayBuffer().catch(() => undefined)
}

function missing(key: string): DamagedError {
  return new DamagedError(`${key.replace(/^\//, '')} is missing.`, 'Copy or record the trace again.')
}

/** The server's own words where it has some: {"error": {"code", "message", "hint"}}. */
export async function refusal(address: string, response: Response): Promise<PageError> {
  try {
    const { error } = (await response.json()) as { error: { message: string; hint?: string } }
    return new PageError(error.message, error.hint ?? '')
  } catch {
    return new PageError(`${address} was answered with ${response.status} ${response.statusText}.`, 'Reload the page.')
  }
}
