import { describe, expect, test } from 'vitest'
import { LoadCache } from '../src/lib/store/cache'

/** A fetch that ends when told to, and notes whether it was given up. */
function held() {
  let finish!: (value: Uint8Array) => void
  let starts = 0
  let aborted = false
  const promise = new Promise<Uint8Array>((resolve) => (finish = resolve))
  const fetcher = (signal: AbortSignal) => {
    starts++
    signal.addEventListener('abort', () => (aborted = true))
    return promise
  }
  return { fetcher, finish, starts: () => starts, aborted: () => aborted }
}

const make = (limit = 100) => new LoadCache<Uint8Array>(limit, (value) => value.byteLength)

describe('chunks', () => {
  test('two readers share one request', async () => {
    const cache = make()
    const one = held()
    const reads = Promise.all([cache.load('a', one.fetcher), cache.load('a', one.fetcher)])
    one.finish(new Uint8Array(3))
    const [first, second] = await reads
    expect(first).toBe(second)
    expect(one.starts()).toBe(1)
    expect(cache.peek('a')).toBe(first)
  })

  test('a request is given up only when its last reader is', async () => {
    const cache = make()
    const one = held()
    const [left, right] = [new AbortController(), new AbortController()]
    const first = cache.load('a', one.fetcher, left.signal)
    const second = cache.load('a', one.fetcher, right.signal)
    left.abort()
    await expect(first).rejects.toThrow()
    expect(one.aborted()).toBe(false)
    right.abort()
    await expect(second).rejects.toThrow()
    expect(one.aborted()).toBe(true)
  })

  test('the longest unused ones make room', async () => {
    const cache = make(10)
    const put = (key: string) => cache.load(key, () => Promise.resolve(new Uint8Array(4)))
    await put('a')
    await put('b')
    cache.peek('a')
    await put('c')
    expect([cache.peek('a'), cache.peek('b'), cache.peek('c')].map(Boolean)).toEqual([true, false, true])
    expect(cache.bytes).toBe(8)
  })

  test('a failure is told to its readers and tried again by the next', async () => {
    const cache = make()
    await expect(cache.load('a', () => Promise.reject(new Error('cut')))).rejects.toThrow('cut')
    expect((await cache.load('a', () => Promise.resolve(new Uint8Array(1)))).length).toBe(1)
  })
})
