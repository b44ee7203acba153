/** Sizes of the grid's cells, whole in device pixels so that columns stay sharp and aligned. */
export interface Metrics {
  ratio: number
  /** CSS pixels. */
  cell: number
  line: number
  font: string
  /** Added between letters so that a run of text keeps to the cells. */
  spacing: number
  /** Whether a run of plain letters can be drawn at once. */
  runs: boolean
  baseline: number
  /** Of a film: where its pictures are in their cells, and how large, in CSS pixels. */
  picture?: { x: number; y: number; size: number }
}

export const FAMILY = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Noto Sans Mono", monospace'

export function measure(size: number, ratio: number): Metrics {
  const context = document.createElement('canvas').getContext('2d')!
  const font = `${size}px ${FAMILY}`
  context.font = font
  const advance = context.measureText('M').width
  const cell = Math.max(Math.round((advance + 0.6) * ratio), 1) / ratio
  const line = Math.round(size * 1.5 * ratio) / ratio
  const box = context.measureText('Ág')
  const rise = box.fontBoundingBoxAscent ?? size * 0.8
  const fall = box.fontBoundingBoxDescent ?? size * 0.2
  const even = Math.abs(context.measureText('il').width - 2 * advance) < 0.01
  return {
    ratio,
    cell,
    line,
    font,
    spacing: cell - advance,
    runs: even && 'letterSpacing' in context,
    baseline: (line - rise - fall) / 2 + rise,
  }
}

/** Cells of a film: above each picture a band, and around it an edge, of the neuron's colour. */
export function measureFilm(size: number, ratio: number): Metrics {
  const whole = (pixels: number) => Math.max(Math.round(pixels * ratio), 1) / ratio
  const edge = whole(size / 6)
  const picture = whole(size * 2.8)
  const band = whole(size * 0.9)
  const cell = picture + 2 * edge
  const line = band + picture + edge
  return { ...measure(size, ratio), cell, line, baseline: whole(line / 2 + size / 3), picture: { x: edge, y: band, size: picture } }
}
