/** The pictures of a film in the cells of a grid: the neuron's colour stays above each and around it. */
import type { Frames } from '../store/frames'
import type { Metrics } from './metrics'
import type { Page } from './paint'

export class FilmStrip {
  /** The pictures of a page side by side, at their own size. */
  private readonly atlas = document.createElement('canvas')
  private of: Page | undefined

  constructor(private readonly frames: Frames) {}

  /** Draws the pictures of a page whose frames are all here; `top` is where its first row begins, in device pixels. */
  draw(context: CanvasRenderingContext2D, page: Page, metrics: Metrics, top: number): void {
    const { picture, ratio, cell, line } = metrics
    if (!picture || !page.rows.length) return
    this.fill(page)
    const { width, height } = this.frames
    const size = Math.round(picture.size * ratio)
    // Small pictures are shown pixel by pixel; large ones are averaged down.
    context.imageSmoothingEnabled = width > size || height > size
    context.imageSmoothingQuality = 'high'
    page.placed.forEach((row, r) => {
      row.column.forEach((column, i) => {
        const x = Math.round((column * cell + picture.x) * ratio)
        const y = top + Math.round((r * line + picture.y) * ratio)
        context.drawImage(this.atlas, i * width, r * height, width, height, x, y, size, size)
      })
    })
    context.imageSmoothingEnabled = false
  }

  private fill(page: Page): void {
    if (this.of === page) return
    const { width, height } = this.frames
    this.atlas.width = width * Math.max(...page.rows.map((row) => row.stop - row.start))
    this.atlas.height = height * page.rows.length
    const context = this.atlas.getContext('2d')!
    const picture = new ImageData(width, height)
    page.rows.forEach((row, r) => {
      for (let step = row.start; step < row.stop; step++) {
        this.frames.copy(step, picture)
        context.putImageData(picture, (step - row.start) * width, r * height)
      }
    })
    this.of = page
  }
}
