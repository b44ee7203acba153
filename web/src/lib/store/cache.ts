/** Loaded things by key: bounded, shared while they load, and given up when nobody waits for them any more. */
interface Entry<T> {
  value: T
  bytes: number
}

interface Flight<T> {
  promise: Promise<T>
  controller: AbortController
  waiting: number
}

export class LoadCache<T> {
  private readonly entries = new Map<string, Entry<T>>() // in order of last use
  private readonly flights = new Map<string, Flight<T>>()
  private held = 0

  constructor(
    readonly limit: number,
    private readonly measure: (value: T) => number,
  ) {}

  get bytes(): number {
    return this.held
  }

  peek(key: string): T | undefined {
    const entry = this.entries.get(key)
    if (!entry) return undefined
    this.entries.delete(key)
    this.entries.set(key, entry)
    return entry.value
  }

  async load(key: string, fetcher: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const known = this.peek(key)
    if (known !== undefined) return known
    signal?.throwIfAborted()
    const flight = this.flights.get(key) ?? this.start(key, fetcher)
    flight.waiting++
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        if (--flight.waiting === 0) {
          flight.controller.abort()
          if (this.flights.get(key) === flight) this.flights.delete(key)
        }
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', leave, { once: true })
      flight.promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', leave))
    })
  }

  private start(key: string, fetcher: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController()
    const flight: Flight<T> = { controller, waiting: 0, promise: fetcher(controller.signal) }
    this.flights.set(key, flight)
    flight.promise
      .then((value) => this.keep(key, value))
      .catch(() => undefined) // every waiter hears of it
      .finally(() => {
        if (this.flights.get(key) === flight) this.flights.delete(key)
      })
    return flight
  }

  private keep(key: string, value: T): void {
    const bytes = this.measure(value)
    this.entries.set(key, { value, bytes })
    this.held += bytes
    for (const [oldest, entry] of this.entries) {
      if (this.held <= this.limit || oldest === key) break
      this.entries.delete(oldest)
      this.held -= entry.bytes
    }
  }
}
