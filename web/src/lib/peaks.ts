/** Where a neuron is highest or lowest, found from the zoom pyramid down: a few blocks are read, not the whole trace. */
import { readColumn, readZoom } from './store/table'
import type { Trace } from './store/trace'

export interface Peak {
  step: number
  value: number
}

export type Side = 'highest' | 'lowest'

/** Two peaks closer than this are one. */
const APART = 24
/** Up to so many steps are simply read. */
const SMALL = 4096
/** Blocks of one level that are read whole. */
const WIDE = 4096

interface Block {
  start: number
  value: number
}

export async function findPeaks(
  trace: Trace,
  site: string,
  signal: string,
  neuron: number,
  side: Side,
  wanted: number,
  abort?: AbortSignal,
): Promise<Peak[]> {
  const array = await trace.signal(site, signal)
  const better = side === 'highest' ? (a: number, b: number) => b - a : (a: number, b: number) => a - b
  const { steps } = trace
  const sizes = trace.attributes.zoom.blocks
  if (steps <= SMALL || !sizes.length) {
    const stop = Math.min(steps, SMALL)
    return pick(toPeaks(await readColumn(array, neuron, 0, stop, abort), 0), better, wanted)
  }
  let level = sizes.findIndex((size) => steps / size <= WIDE)
  if (level < 0) level = sizes.length - 1
  let blocks = await readBlocks(trace, site, signal, neuron, side, level, 0, steps, abort)
  for (;;) {
    blocks = blocks.sort((a, b) => better(a.value, b.value) || a.start - b.start).slice(0, wanted * 3)
    if (level === 0) break
    const size = sizes[level--]!
    const inner = blocks.map(({ start }) =>
      readBlocks(trace, site, signal, neuron, side, level, start, Math.min(start + size, steps), abort),
    )
    blocks = (await Promise.all(inner)).flat()
  }
  const found = await Promise.all(
    blocks.map(async ({ start }) => {
      const stop = Math.min(start + sizes[0]!, steps)
      return pick(toPeaks(await readColumn(array, neuron, start, stop, abort), start), better, 1)
    }),
  )
  return pick(found.flat(), better, wanted)
}

async function readBlocks(
  trace: Trace,
  site: string,
  signal: string,
  neuron: number,
  side: Side,
  level: number,
  start: number,
  stop: number,
  abort?: AbortSignal,
): Promise<Block[]> {
  const array = await trace.need(`zoom/${site}/${signal}/${level}`)
  const size = trace.attributes.zoom.blocks[level]!
  const from = Math.floor(start / size)
  const to = Math.min(Math.ceil(stop / size), array.shape[0]!)
  const values = await readZoom(array, neuron, from, to, abort)
  const kind = side === 'highest' ? 1 : 0
  return Array.from({ length: to - from }, (_, i) => ({ start: (from + i) * size, value: values[i * 3 + kind]! }))
}

function toPeaks(values: Float32Array, start: number): Peak[] {
  return Array.from(values, (value, i) => ({ step: start + i, value })).filter(({ value }) => !Number.isNaN(value))
}

function pick(peaks: Peak[], better: (a: number, b: number) => number, wanted: number): Peak[] {
  const sorted = peaks.sort((a, b) => better(a.value, b.value) || a.step - b.step)
  const out: Peak[] = []
  for (const peak of sorted) {
    if (out.length === wanted) break
    if (out.every(({ step }) => Math.abs(step - peak.step) >= APART)) out.push(peak)
  }
  return out
}
