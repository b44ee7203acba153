/**
 * The coloured text: keeps canvas, scroll place, text and values together. It fetches what is on the screen and no more,
 * gives up what is no longer wanted, and keeps the last picture until the next one is whole.
 */
import type { Scale } from '../colour/scales'
import type { Column } from '../store/column'
import { isAbort } from '../store/errors'
import type { Frames } from '../store/frames'
import type { Symbols } from '../store/symbols'
import type { Glyphs } from '../text/glyphs'
import { FilmStrip } from './film'
import { paintGutter } from './gutter'
import { TextLayout } from './layout'
import { measure, measureFilm, type Metrics } from './metrics'
import { GridPainter, type Look, type Page, pageOf } from './paint'
import { stepAt, type Wrap } from './rows'
import { Scroll } from './scroll'

/** One neuron's signal, or what else has a value at each step, ready to be painted. */
export interface Ink {
  column: Column
  scale: Scale
  /** `<site>.<signal>.<neuron>`, and more where it is not the signal itself. */
  id: string
}

export interface GridElements {
  root: HTMLElement
  scroller: HTMLElement
  spacer: HTMLElement
  canvas: HTMLCanvasElement
  gutter: HTMLCanvasElement
}

export interface GridEvents {
  /** Whole picture of a neuron painted. */
  painted(ink: Ink): void
  /** The text on the screen is steps [first, last). */
  moved(first: number, last: number): void
  failed(error: unknown): void
}

export interface Box {
  x: number
  y: number
  width: number
  height: number
}

export class TextGrid {
  private readonly scroll: Scroll
  private readonly painter: GridPainter
  private metrics: Metrics = measure(14, devicePixelRatio || 1)
  private layout: TextLayout | undefined
  private look: Look | undefined
  private wrap: Wrap = 'lines'
  private size = { width: 0, height: 0 }
  private want: Ink | undefined
  private shown: Ink | undefined
  private page: Page | undefined
  private values: Float32Array = new Float32Array()
  private loading: { key: string; controller: AbortController } | undefined
  private frame = 0
  private pendingStep: { step: number; where: 'near' | 'top' } | undefined
  private textLoads = new Set<number>()

  constructor(
    private readonly elements: GridElements,
    private readonly symbols: Symbols,
    private readonly glyphs: Glyphs,
    private readonly events: GridEvents,
    private readonly frames?: Frames,
  ) {
    this.painter = new GridPainter(elements.canvas, glyphs, frames && new FilmStrip(frames))
    this.scroll = new Scroll(elements.scroller, elements.spacer, () => this.draw())
  }

  /** Steps [first, last) on the screen. */
  get range(): [number, number] {
    const rows = this.page?.rows
    return rows?.length ? [rows[0]!.start, rows.at(-1)!.stop] : [0, 0]
  }

  setInk(ink: Ink): void {
    this.want = ink
    this.draw()
  }

  setLook(look: Look): void {
    this.look = look
    this.draw()
  }

  setShape(width: number, height: number, wrap: Wrap, fontSize: number): void {
    if (width < 1 || height < 1) return
    const ratio = devicePixelRatio || 1
    this.metrics = (this.frames ? measureFilm : measure)(fontSize, ratio)
    this.size = { width, height }
    this.wrap = wrap
    this.shape()
    this.draw()
  }

  private get gutterWidth(): number {
    return this.size.width < 560 ? 0 : 68
  }

  private shape(): void {
    const room = this.size.width - this.gutterWidth
    const fits = Math.max(1, Math.floor(room / this.metrics.cell))
    // Without text, round rows make step numbers easy to count.
    const columns = this.symbols.written || fits < 10 ? fits : fits - (fits % 10)
    const { canvas, gutter } = this.elements
    const { ratio } = this.metrics
    const width = Math.round(columns * this.metrics.cell * ratio)
    const height = Math.round(this.size.height * ratio)
    setSize(canvas, width, height, ratio)
    setSize(gutter, Math.round(this.gutterWidth * ratio), height, ratio)
    if (this.layout?.columns === columns && this.layout.wrap === this.wrap) {
      this.scroll.configure(this.layout, this.metrics.line, this.size.height)
      return
    }
    const [top] = this.range
    const keep = this.page && !this.pendingStep
    this.layout = new TextLayout(this.symbols, this.glyphs, columns, this.wrap)
    this.page = undefined
    this.textLoads.clear()
    this.scroll.anchor = { block: 0, row: 0 }
    this.scroll.configure(this.layout, this.metrics.line, this.size.height)
    if (keep) this.pendingStep = { step: top, where: 'top' }
  }

  /** Brings a step onto the screen: `near` moves no more than it must, `top` makes its row the first. */
  show(step: number, where: 'near' | 'top'): void {
    this.pendingStep = { step, where }
    this.draw()
  }

  private goToPending(): boolean {
    const { layout, pendingStep } = this
    if (!pendingStep || !layout) return true
    const missing = layout.blocksFor(pendingStep.step).filter((block) => !layout.has(block))
    if (missing.length) {
      missing.forEach((block) => this.loadText(block))
      return false
    }
    this.pendingStep = undefined
    const found = layout.find(pendingStep.step)
    if (!found) return true
    const at = layout.position(found)
    const row = at - this.scroll.position
    const visible = this.size.height / this.metrics.line
    if (pendingStep.where === 'near') {
      if (row >= -1e-6 && row + 1 <= visible) return true
      if (row < 0 && row > -1.01) this.scroll.to(at)
      else if (row > 0 && row < visible + 0.01) this.scroll.to(at + 1 - visible)
      else this.scroll.to(at - visible / 3)
    } else {
      this.scroll.toAnchor(found)
    }
    return false // moving has drawn already
  }

  private loadText(block: number): void {
    if (this.textLoads.has(block) || !this.layout) return
    this.textLoads.add(block)
    const { layout } = this
    layout.load(block).then(
      () => {
        this.textLoads.delete(block)
        if (layout !== this.layout) return
        layout.rows(block)
        this.scroll.settle()
        this.draw()
      },
      (error: unknown) => this.events.failed(error),
    )
  }

  /** One step towards the wanted picture; called again by whatever arrives. */
  draw(): void {
    const { layout, look } = this
    if (!layout || !look || !this.goToPending()) return
    const { anchor } = this.scroll
    const count = Math.ceil(this.size.height / this.metrics.line) + 1
    const { rows, missing } = layout.take(anchor, count)
    if (missing !== undefined) this.loadText(missing)
    if (!rows.length) return
    const first = rows[0]!.start
    const last = rows.at(-1)!.stop
    const text = this.symbols.peek(first, last)
    if (!text || this.frames?.has(first, last) === false) {
      Promise.all([this.symbols.load(first, last), this.frames?.load(first, last)]).then(
        () => this.soon(),
        (error: unknown) => this.events.failed(error),
      )
      return
    }
    const old = this.page?.rows
    const same = old && old[0]?.start === first && old.at(-1)?.stop === last && old.length === rows.length
    if (!same) {
      this.page = pageOf(rows, text, this.glyphs, layout.columns)
      this.events.moved(first, last)
    }
    this.fetch(first, last)
    if (this.shown) this.paint(first, last, anchor.row % 1, missing === undefined)
  }

  private fetch(first: number, last: number): void {
    const { want } = this
    if (!want) return
    this.shown ??= want
    if (want.column.has(first, last)) {
      this.shown = want
      this.stop()
      return
    }
    const key = `${want.id}:${first}:${last}`
    if (this.loading?.key === key) return
    const controller = new AbortController()
    const before = this.loading
    this.loading = { key, controller }
    const arrived = () => this.shown?.id === want.id && this.soon()
    want.column.load(first, last, controller.signal, arrived).then(
      () => this.loading?.controller === controller && this.draw(),
      (error: unknown) => {
        if (this.loading?.controller !== controller) return
        this.loading = undefined
        if (!isAbort(error)) this.events.failed(error)
      },
    )
    before?.controller.abort() // after the new request, so that what both need is not begun twice
  }

  private stop(): void {
    this.loading?.controller.abort()
    this.loading = undefined
  }

  private paint(first: number, last: number, rowShift: number, wholeText: boolean): void {
    const { shown, page, look } = this
    if (!shown || !page || !look) return
    this.values = shown.column.peek(first, last)
    const shift = rowShift * this.metrics.line
    this.painter.paint(page, this.values, shown.scale, this.metrics, look, shift)
    paintGutter(this.elements.gutter, page.rows, this.symbols, this.metrics, shift)
    if (wholeText && shown === this.want && shown.column.has(first, last)) {
      this.events.painted(shown)
    }
  }

  private soon(): void {
    cancelAnimationFrame(this.frame)
    this.frame = requestAnimationFrame(() => this.draw())
  }

  /** The step under a point of the canvas, in CSS pixels. */
  hit(x: number, y: number): number | undefined {
    const { page } = this
    const at = Math.floor((y + (this.scroll.anchor.row % 1) * this.metrics.line) / this.metrics.line)
    const row = page?.rows[at]
    if (!page || !row || x < 0) return undefined
    return stepAt(row, page.placed[at]!, Math.floor(x / this.metrics.cell))
  }

  /** Where a step is on the canvas, in CSS pixels; nothing if it is not on the screen. */
  box(step: number): Box | undefined {
    const { page } = this
    const at = page?.rows.findIndex((row) => step >= row.start && step < row.stop) ?? -1
    if (!page || at < 0) return undefined
    const { column, cells } = page.placed[at]!
    let i = step - page.rows[at]!.start
    while (i > 0 && !cells[i]) i--
    const { cell, line } = this.metrics
    const shift = (this.scroll.anchor.row % 1) * line
    return { x: column[i]! * cell, y: at * line - shift, width: cells[i]! * cell, height: line }
  }

  /** Where steps [start, stop) are on the canvas: a box for each row that shows some of them. */
  boxes(start: number, stop: number): Box[] {
    const rows = this.page?.rows ?? []
    const out: Box[] = []
    for (const row of rows) {
      const first = this.box(Math.max(row.start, start))
      const last = this.box(Math.min(row.stop, stop) - 1)
      if (row.start >= stop || row.stop <= start || !first || !last) continue
      out.push({ ...first, width: last.x + last.width - first.x })
    }
    return out
  }

  /** The step `rows` below (negative: above) a step, in the same column; loads what it needs. */
  async vertical(step: number, rows: number): Promise<number> {
    const { layout } = this
    if (!layout) return step
    for (const block of layout.blocksFor(step)) await layout.load(block)
    const from = layout.find(step)
    if (!from) return step
    const column = await this.columnOf(step)
    const target = layout.anchor(layout.position(from) + rows + 1e-3)
    await layout.load(target.block)
    layout.rows(target.block)
    const row = layout.take({ block: target.block, row: Math.floor(target.row) }, 1).rows[0]
    if (!row) return step
    const text = await this.symbols.read(row.start, row.stop)
    const page = pageOf([row], text, this.glyphs, layout.columns)
    return stepAt(row, page.placed[0]!, column)
  }

  /** First and last step of the row that holds a step. */
  async rowOf(step: number): Promise<[number, number]> {
    const { layout } = this
    if (!layout) return [step, step]
    for (const block of layout.blocksFor(step)) await layout.load(block)
    const found = layout.find(step)
    const row = found && layout.take(found, 1).rows[0]
    return row ? [row.start, row.stop - 1] : [step, step]
  }

  private async columnOf(step: number): Promise<number> {
    const [start, stop] = await this.rowOf(step)
    const text = await this.symbols.read(start, stop + 1)
    const page = pageOf([{ start, stop: stop + 1 }], text, this.glyphs, this.layout!.columns)
    return page.placed[0]!.column[step - start] ?? 0
  }

  /** Rows on one screen. */
  get screen(): number {
    return Math.max(1, this.scroll.visible - 1)
  }

  destroy(): void {
    this.stop()
    cancelAnimationFrame(this.frame)
    this.scroll.destroy()
  }
}

function setSize(canvas: HTMLCanvasElement, width: number, height: number, ratio: number): void {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width
    canvas.height = height
  }
  canvas.style.width = `${width / ratio}px`
  canvas.style.height = `${height / ratio}px`
}
