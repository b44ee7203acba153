/** The zoom pyramid of one neuron, at the finest level that has no more than `most` blocks. */
import { readColumn, readZoom } from './store/table'
import type { Trace } from './store/trace'

export interface Overview {
  /** Steps of one block. */
  size: number
  /** min, max, mean of each block, one after the other. */
  blocks: Float32Array
}

/** Enough for a strip as wide as the window. */
export const WIDE = 2400
/** Enough for a picture in a list. */
export const TINY = 300

export async function readOverview(
  trace: Trace,
  site: string,
  signal: string,
  neuron: number,
  most: number,
  abort?: AbortSignal,
): Promise<Overview> {
  const { steps } = trace
  const sizes = trace.attributes.zoom.blocks
  if (steps <= most || !sizes.length) {
    const array = await trace.signal(site, signal)
    const values = await readColumn(array, neuron, 0, Math.min(steps, most), abort)
    const blocks = new Float32Array(values.length * 3)
    values.forEach((value, i) => blocks.fill(value, i * 3, i * 3 + 3))
    return { size: 1, blocks }
  }
  let level = sizes.findIndex((size) => steps / size <= most)
  if (level < 0) level = sizes.length - 1
  const array = await trace.need(`zoom/${site}/${signal}/${level}`)
  const size = sizes[level]!
  const count = Math.min(Math.ceil(steps / size), array.shape[0]!)
  return { size, blocks: await readZoom(array, neuron, 0, count, abort) }
}
