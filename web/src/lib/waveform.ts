/** A whole trace of one neuron in a strip: each column of pixels spans least to largest value of its steps. */
import { type Scale, shadeOf } from './colour/scales'
import type { Overview } from './overview'

/** `shaped`: heights show the values as well; without, the strip is filled with the mean's colour. */
export function drawOverview(
  context: CanvasRenderingContext2D,
  { blocks }: Overview,
  scale: Scale,
  width: number,
  height: number,
  shaped: boolean,
): void {
  const count = blocks.length / 3
  if (!count) return
  const [low, high] = scale.domain
  const y = (value: number) => height - ((Math.min(Math.max(value, low), high) - low) / (high - low)) * height
  const columns = Math.min(Math.ceil(width), Math.max(count, 1))
  const wide = width / columns
  for (let column = 0; column < columns; column++) {
    const [least, most, mean] = merge(blocks, Math.floor((column * count) / columns), Math.ceil(((column + 1) * count) / columns))
    if (Number.isNaN(mean)) continue
    const far = scale.signed && Math.abs(least) > Math.abs(most) ? least : most
    const shade = shadeOf(scale, shaped ? far * 0.5 + mean * 0.5 : mean)
    context.fillStyle = scale.css[shade]!
    if (!shaped) {
      context.fillRect(column * wide, 0, wide + 0.5, height)
      continue
    }
    // From the axis outwards, so that a constant value is a bar and not a hairline.
    const top = y(scale.signed ? Math.max(most, 0) : most)
    const bottom = y(scale.signed ? Math.min(least, 0) : low)
    context.fillRect(column * wide, top, wide + 0.3, Math.max(bottom - top, 1))
  }
}

function merge(blocks: Float32Array, from: number, to: number): [number, number, number] {
  let least = Infinity
  let most = -Infinity
  let sum = 0
  for (let at = from; at < to; at++) {
    least = Math.min(least, blocks[at * 3]!)
    most = Math.max(most, blocks[at * 3 + 1]!)
    sum += blocks[at * 3 + 2]!
  }
  return [least, most, sum / Math.max(to - from, 1)]
}
