/** Reads stores that this file writes byte by byte to the Zarr v3 specification, over real HTTP with real ranges. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { crc32c } from '../src/lib/store/crc32c'
import { verify } from '../src/lib/store/codecs'
import { DamagedError, PageError } from '../src/lib/store/errors'
import { Frames } from '../src/lib/store/frames'
import { HttpStore } from '../src/lib/store/http'
import { readColumn, readRow } from '../src/lib/store/table'
import { Trace } from '../src/lib/store/trace'

const STEPS = 10
const NEURONS = 3
const files = new Map<string, Uint8Array>()
let server: Server
let base = ''
let ranges = true

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

function checked(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length + 4)
  out.set(bytes)
  new DataView(out.buffer).setUint32(bytes.length, crc32c(bytes), true)
  return out
}

function metadata(type: string, shape: number[], chunk: number[], shard?: number[]) {
  const codecs = [{ name: 'bytes', configuration: { endian: 'little' } }, { name: 'crc32c' }]
  const sharding = {
    name: 'sharding_indexed',
    configuration: { chunk_shape: chunk, codecs, index_codecs: codecs, index_location: 'end' },
  }
  return {
    zarr_format: 3,
    node_type: 'array',
    shape,
    data_type: type,
    chunk_grid: { name: 'regular', configuration: { chunk_shape: shard ?? chunk } },
    chunk_key_encoding: { name: 'default', configuration: { separator: '/' } },
    fill_value: 0,
    codecs: shard ? [sharding] : codecs,
    attributes: {},
  }
}

/** One shard of chunks, its index behind them. */
function shardOf(chunks: Uint8Array[]): Uint8Array {
  const parts = chunks.map(checked)
  const index = new BigUint64Array(parts.length * 2)
  let at = 0
  parts.forEach((part, i) => {
    index.set([BigInt(at), BigInt(part.length)], i * 2)
    at += part.length
  })
  const tail = checked(new Uint8Array(index.buffer))
  const out = new Uint8Array(at + tail.length)
  at = 0
  for (const part of [...parts, tail]) {
    out.set(part, at)
    at += part.length
  }
  return out
}

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
const value = (step: number, neuron: number) => step * 10 + neuron

function writeTrace(name: string, attributes: object = {}): void {
  const site = {
    name: 'rnn.l0',
    cell: 'lstm',
    neurons: NEURONS,
    signals: [{ name: 'cell', symbol: 'c', role: 'state', range: [null, null], article: '', neurons: NEURONS }],
  }
  const group = { format: 'unrolled-trace/1', title: name, complete_steps: STEPS, sites: [site], ...attributes }
  files.set(`${name}/zarr.json`, encode({ zarr_format: 3, node_type: 'group', attributes: group }))
  // Chunks of 4 steps × 2 neurons, padded, in one shard of 12 × 4.
  const chunks: Uint8Array[] = []
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 2; column++) {
      const cells = Float32Array.from({ length: 8 }, (_, i) => value(row * 4 + (i >> 1), column * 2 + (i & 1)))
      chunks.push(bytesOf(cells))
    }
  }
  const path = `${name}/signals/rnn.l0/cell`
  files.set(`${path}/zarr.json`, encode(metadata('float32', [STEPS, NEURONS], [4, 2], [12, 4])))
  files.set(`${path}/c/0/0`, shardOf(chunks))
  const half = Uint16Array.of(0x3c00, 0xc000, 0x3800)
  files.set(`${name}/half/zarr.json`, encode(metadata('float16', [3, 1], [3, 1])))
  files.set(`${name}/half/c/0/0`, checked(bytesOf(half)))
}

beforeAll(async () => {
  writeTrace('whole')
  writeTrace('flipped')
  files.get('flipped/signals/rnn.l0/cell/c/0/0')![2]! ^= 1 // the first value of the first chunk
  writeTrace('cut')
  const whole = files.get('cut/signals/rnn.l0/cell/c/0/0')!
  files.set('cut/signals/rnn.l0/cell/c/0/0', whole.subarray(0, 20))
  writeTrace('lost')
  files.delete('lost/signals/rnn.l0/cell/c/0/0')
  writeTrace('film', { frames: { height: 2, width: 1 } })
  files.set('film/frames/zarr.json', encode(metadata('uint8', [STEPS, 2, 1, 3], [4, 2, 1, 3])))
  for (let chunk = 0; chunk < 3; chunk++) {
    files.set(`film/frames/c/${chunk}/0/0/0`, checked(Uint8Array.from({ length: 24 }, (_, i) => chunk * 24 + i)))
  }
  writeTrace('foreign', { format: 'something-else/2' })
  files.set('broken/zarr.json', new TextEncoder().encode('{"zarr_format": 3, "attri'))
  server = createServer((request, response) => {
    const body = files.get((request.url ?? '').slice(1))
    if (!body) return response.writeHead(404).end('{}')
    const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '')
    if (!range || !ranges) return response.writeHead(200).end(body)
    const start = range[1] ? Number(range[1]) : Math.max(body.length - Number(range[2]), 0)
    const stop = range[1] && range[2] ? Math.min(Number(range[2]) + 1, body.length) : body.length
    if (start >= body.length) return response.writeHead(416).end()
    return response.writeHead(206).end(body.subarray(start, stop))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})

afterAll(() => new Promise((resolve) => server.close(resolve)))

const open = (name: string) => Trace.open(`${base}${name}/`)

describe('a whole trace', () => {
  test('gives one neuron over many steps, across chunks', async () => {
    const cell = await (await open('whole')).signal('rnn.l0', 'cell')
    expect([...(await readColumn(cell, 2, 1, 10))]).toEqual([12, 22, 32, 42, 52, 62, 72, 82, 92])
  })

  test('gives all neurons at one step', async () => {
    const cell = await (await open('whole')).signal('rnn.l0', 'cell')
    expect(await readRow(cell, 7)).toEqual([70, 71, 72])
  })

  test('is read the same from a server that knows no ranges', async () => {
    ranges = false
    try {
      const store = new HttpStore(`${base}whole/`)
      const file = files.get('whole/signals/rnn.l0/cell/c/0/0')!
      expect(await store.getRange('/signals/rnn.l0/cell/c/0/0', { offset: 3, length: 5 })).toEqual(file.slice(3, 8))
      expect(await store.getRange('/signals/rnn.l0/cell/c/0/0', { suffixLength: 6 })).toEqual(file.slice(-6))
    } finally {
      ranges = true
    }
  })

  test('gives half floats as floats', async () => {
    const half = await (await open('whole')).need('half')
    expect([...(await readColumn(half, 0, 0, 3))]).toEqual([1, -2, 0.5])
  })

  test('says which array it lacks', async () => {
    const trace = await open('whole')
    await expect(trace.signal('rnn.l0', 'hidden')).rejects.toThrow('lacks signals/rnn.l0/hidden')
  })
})

describe('damage raises, with its place', () => {
  test('one flipped bit', async () => {
    const cell = await (await open('flipped')).signal('rnn.l0', 'cell')
    const read = readColumn(cell, 0, 0, 4)
    await expect(read).rejects.toThrow(DamagedError)
    await expect(readColumn(cell, 0, 0, 4)).rejects.toThrow(/signals\/rnn.l0\/cell, chunk 0\/0.*checksum/)
    expect([...(await readColumn(cell, 2, 0, 4))]).toEqual([2, 12, 22, 32]) // the chunk beside it is whole
  })

  test.each(['cut', 'lost'])('a %s file', async (name) => {
    const cell = await (await open(name)).signal('rnn.l0', 'cell')
    await expect(readColumn(cell, 0, 0, 4)).rejects.toThrow(DamagedError)
  })

  test('a cut description', async () => {
    await expect(open('broken')).rejects.toThrow('is not JSON')
  })
})

describe('the frames of a film', () => {
  const picture = () => ({ data: new Uint8ClampedArray(8) as ImageData['data'] })

  test('are copied with full opacity, across chunks', async () => {
    const frames = (await Frames.open(await open('film')))!
    expect([frames.height, frames.width]).toEqual([2, 1])
    await frames.load(2, 6)
    expect(frames.has(0, 8)).toBe(true) // whole chunks
    for (const step of [2, 5]) {
      const out = picture()
      frames.copy(step, out)
      const at = step * 6
      expect([...out.data]).toEqual([at, at + 1, at + 2, 255, at + 3, at + 4, at + 5, 255])
    }
  })

  test('are not there before they are loaded', async () => {
    const frames = (await Frames.open(await open('film')))!
    expect(frames.has(7, 9)).toBe(false)
    const out = picture()
    frames.copy(9, out)
    expect([...out.data]).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
  })

  test('are none where the trace has none', async () => {
    expect(await Frames.open(await open('whole'))).toBeUndefined()
  })
})

test('another format, and no trace at all, are said so', async () => {
  await expect(open('foreign')).rejects.toThrow('"something-else/2"')
  await expect(open('nothing')).rejects.toThrow('There is no trace')
})

test('an answer that is not wanted is still read to its end, so that its connection is free again', async () => {
  const ends: Promise<unknown>[] = []
  const long = createServer((request, response) => {
    ends.push(new Promise((resolve) => response.on('finish', resolve)))
    response.writeHead(request.headers.range ? 416 : 404).end(new Uint8Array(16 * 2 ** 20))
  })
  await new Promise<void>((resolve) => long.listen(0, '127.0.0.1', resolve))
  const store = new HttpStore(`http://127.0.0.1:${(long.address() as AddressInfo).port}/`)
  expect(await store.json('zarr.json')).toBeUndefined()
  await expect(store.getRange('c/0', { offset: 0, length: 4 })).rejects.toThrow('cut short')
  await Promise.all(ends) // never, if the body waits for a reader
  expect(ends).toHaveLength(2)
  await new Promise((resolve) => long.close(resolve))
})

test('a checksum is verified over every byte before it', () => {
  const bytes = checked(Uint8Array.of(1, 2, 3, 4, 5))
  expect([...verify(bytes)]).toEqual([1, 2, 3, 4, 5])
  for (let at = 0; at < bytes.length; at++) {
    const damaged = bytes.slice()
    damaged[at]! ^= 0x10
    expect(() => verify(damaged)).toThrow(DamagedError)
  }
  expect(() => verify(Uint8Array.of(1, 2))).toThrow(PageError)
})
