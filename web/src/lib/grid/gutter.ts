/** The margin of the text: the number of each row's first step, and where a sequence begins. */
import { count } from '../numbers'
import type { Symbols } from '../store/symbols'
import type { Metrics } from './metrics'
import type { Row } from './rows'

export function paintGutter(
  canvas: HTMLCanvasElement,
  rows: readonly Row[],
  symbols: Symbols,
  metrics: Metrics,
  shift: number,
): void {
  if (!canvas.width) return
  const context = canvas.getContext('2d')!
  const { ratio, line, baseline } = metrics
  const width = canvas.width / ratio
  const style = getComputedStyle(canvas)
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, canvas.height / ratio)
  context.font = `11px ${style.fontFamily}`
  context.textAlign = 'right'
  const several = symbols.sequences.length > 1
  rows.forEach((row, r) => {
    const y = r * line - shift
    const begins = several && symbols.sequences[symbols.sequenceOf(row.start)]?.start === row.start
    context.fillStyle = begins ? style.accentColor : style.color
    context.fillText(count(row.start), width - 10, y + baseline - 1)
    if (begins) context.fillRect(width - 5, y + 2, 3, line - 4)
  })
}
