/** The zoom pyramid of one neuron, at the level that suits a strip of some width. */
import { readColumn, readZoom } from './store/table'
import type { Trace } from './store/trace'

export interface Overview {
  /** Steps of one block. */
  size: number
  /** min, max, mean of each block, one after the other. */
  blocks: Float32Array
}

const MAX_BLOCKS = 2400

export async function readOverview(
  trace: Trace,
  site: string,
  signal: string,
  neuron: number,
  abort?: AbortSignal,
): Promise<Overview> {
  const { steps } = trace
  const sizes = trace.attributes.zoom.blocks
  if (steps <= MAX_BLOCKS || !sizes.length) {
    const array = await trace.signal(site, signal)
    const values = await readColumn(array, neuron, 0, Math.min(steps, MAX_BLOCKS), abort)
    const blocks = new Float32Array(values.length * 3)
    values.forEach((value, i) => blocks.fill(value, i * 3, i * 3 + 3))
    return { size: 1, blocks }
  }
  let level = sizes.findIndex((size) => steps / size <= MAX_BLOCKS)
  if (level < 0) level = sizes.length - 1
  const array = await trace.need(`zoom/${site}/${signal}/${level}`)
  const size = sizes[level]!
  const count = Math.min(Math.ceil(steps / size), array.shape[0]!)
  return { size, blocks: await readZoom(array, neuron, 0, count, abort) }
}
