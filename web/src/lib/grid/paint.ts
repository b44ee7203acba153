/**
 * Painting rows of coloured text.
 *
 * Colours are one pixel a cell, stretched; letters are a mask that is drawn once and inked from a second such picture. So
 * another neuron on the same text costs four whole-picture operations, not thousands of letters.
 */
import { MARK_OPACITY, type Scale, shadeOf } from '../colour/scales'
import type { Glyphs } from '../text/glyphs'
import type { FilmStrip } from './film'
import type { Metrics } from './metrics'
import { placeRow, type Placed, type Row } from './rows'

export interface Page {
  rows: Row[]
  placed: Placed[]
  /** Symbols of the rows; the first is at `rows[0].start`. */
  symbols: Uint32Array
  columns: number
}

export interface Look {
  letters: boolean
  spaces: boolean
  /** Colour words for cells without a value, and for letters on dark and on light cells. */
  blank: number
  blankInk: number
  darkInk: number
  lightInk: number
}

export function pageOf(rows: Row[], symbols: Uint32Array, glyphs: Glyphs, columns: number): Page {
  const base = rows[0]?.start ?? 0
  return { rows, symbols, columns, placed: rows.map((row) => placeRow(row, symbols, base, glyphs)) }
}

const EMOJI = /\p{Emoji_Presentation}/u

export class GridPainter {
  private readonly colours = document.createElement('canvas')
  private readonly inks = document.createElement('canvas')
  private readonly mask = document.createElement('canvas')
  private readonly inked = document.createElement('canvas')
  private readonly emoji: boolean
  private maskOf: { page: Page; key: string } | undefined

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly glyphs: Glyphs,
    /** What stands in the cells instead of letters. */
    private readonly film?: FilmStrip,
  ) {
    this.emoji = glyphs.text.some((text) => EMOJI.test(text))
  }

  /** `values[0]` belongs to the first step of the page; `shift` is how much of the first row is scrolled away, in CSS pixels. */
  paint(page: Page, values: Float32Array, scale: Scale, metrics: Metrics, look: Look, shift: number): void {
    const { ratio, cell, line } = metrics
    const width = Math.round(page.columns * cell * ratio)
    const height = Math.round(Math.max(page.rows.length, 1) * line * ratio)
    this.fillCells(page, values, scale, look)
    const context = this.canvas.getContext('2d')!
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.clearRect(0, 0, this.canvas.width, this.canvas.height)
    context.imageSmoothingEnabled = false
    const top = -Math.round(shift * ratio)
    context.drawImage(this.colours, 0, top, width, height)
    this.splitShared(context, page, values, scale, metrics, top)
    if (!look.letters || !page.rows.length) return
    if (this.film) return this.film.draw(context, page, metrics, top)
    this.drawMask(page, metrics, look, width, height)
    const ink = sized(this.inked, width, height)
    ink.imageSmoothingEnabled = false
    ink.globalCompositeOperation = 'source-over'
    ink.clearRect(0, 0, width, height)
    ink.drawImage(this.inks, 0, 0, width, height)
    ink.globalCompositeOperation = 'destination-in'
    ink.drawImage(this.mask, 0, 0)
    context.drawImage(this.inked, 0, top)
    if (this.emoji) this.drawEmoji(context, page, values, scale, metrics, top)
  }

  private fillCells(page: Page, values: Float32Array, scale: Scale, look: Look): void {
    const { rows, placed, columns } = page
    const height = Math.max(rows.length, 1)
    const cells = new ImageData(columns, height)
    const inks = new ImageData(columns, height)
    const cellWords = new Uint32Array(cells.data.buffer)
    const inkWords = new Uint32Array(inks.data.buffer)
    const base = rows[0]?.start ?? 0
    rows.forEach((row, r) => {
      const { column, cells: wide } = placed[r]!
      for (let i = 0; i < column.length; i++) {
        const shade = shadeOf(scale, values[row.start + i - base] ?? NaN)
        const word = shade < 0 ? look.blank : scale.words[shade]!
        const ink = shade < 0 ? look.blankInk : scale.light[shade] ? look.lightInk : look.darkInk
        const from = r * columns + column[i]!
        const to = r * columns + Math.min(column[i]! + wide[i]!, columns)
        cellWords.fill(word, from, to)
        inkWords.fill(ink, from, to)
      }
    })
    sized(this.colours, columns, height).putImageData(cells, 0, 0)
    sized(this.inks, columns, height).putImageData(inks, 0, 0)
  }

  /** A cell that several steps share (a letter and its accents) shows a slice of each one's colour. */
  private splitShared(
    context: CanvasRenderingContext2D,
    page: Page,
    values: Float32Array,
    scale: Scale,
    { cell, line, ratio }: Metrics,
    top: number,
  ): void {
    const base = page.rows[0]?.start ?? 0
    page.rows.forEach((row, r) => {
      const { column, cells } = page.placed[r]!
      for (let i = 1; i < cells.length; i++) {
        if (cells[i]) continue
        let first = i - 1
        while (first > 0 && !cells[first]) first--
        let last = i
        while (last + 1 < cells.length && !cells[last + 1]) last++
        const parts = last - first + 1
        const width = (cells[first]! * cell * ratio) / parts
        for (let part = 0; part < parts; part++) {
          const shade = shadeOf(scale, values[row.start + first + part - base] ?? NaN)
          if (shade < 0) continue
          context.fillStyle = scale.css[shade]!
          const x = column[first]! * cell * ratio + part * width
          context.fillRect(x, top + r * line * ratio, width, line * ratio)
        }
        i = last
      }
    })
  }

  private drawMask(page: Page, metrics: Metrics, look: Look, width: number, height: number): void {
    const key = [metrics.font, metrics.ratio, look.spaces, width, height].join()
    if (this.maskOf?.page === page && this.maskOf.key === key) return
    const context = sized(this.mask, width, height)
    context.clearRect(0, 0, width, height)
    context.setTransform(metrics.ratio, 0, 0, metrics.ratio, 0, 0)
    context.font = metrics.font
    context.fontKerning = 'none'
    context.textRendering = 'optimizeSpeed' // no ligatures: each letter keeps its cell
    context.fillStyle = '#fff'
    const base = page.rows[0]?.start ?? 0
    page.rows.forEach((row, r) => {
      this.drawRow(context, row, page.placed[r]!, page.symbols, base, r * metrics.line + metrics.baseline, metrics, look)
    })
    context.setTransform(1, 0, 0, 1, 0, 0)
    this.maskOf = { page, key }
  }

  /** Plain letters of a row in one run; marks, wide letters and clusters one by one. */
  private drawRow(
    context: CanvasRenderingContext2D,
    row: Row,
    placed: Placed,
    symbols: Uint32Array,
    base: number,
    y: number,
    metrics: Metrics,
    look: Look,
  ): void {
    const { text, marks } = this.glyphs
    let run = ''
    for (let i = 0; i < placed.column.length; i++) {
      const symbol = symbols[row.start + i - base]!
      const cells = placed.cells[i]!
      let glyph = text[symbol] ?? ''
      if (!cells) continue
      const x = placed.column[i]! * metrics.cell
      while (i + 1 < placed.cells.length && !placed.cells[i + 1]) glyph += text[symbols[row.start + ++i - base]!] ?? ''
      const plain = cells === 1 && glyph.length === 1 && glyph.charCodeAt(0) < 0x250
      const mark = look.spaces ? (marks[symbol] ?? '') : ''
      if (mark) {
        context.globalAlpha = MARK_OPACITY
        this.drawLetters(context, mark, x, y, metrics, cells)
        context.globalAlpha = 1
      }
      if (plain && metrics.runs) {
        run = run.padEnd(placed.column[i]!, ' ') + glyph
      } else if (glyph.trim() && !EMOJI.test(glyph)) {
        this.drawLetters(context, glyph, x, y, metrics, cells)
      }
    }
    if (!run.trim()) return
    context.letterSpacing = `${metrics.spacing}px`
    context.fillText(run, metrics.spacing / 2, y)
    context.letterSpacing = '0px'
  }

  private drawLetters(
    context: CanvasRenderingContext2D,
    glyph: string,
    x: number,
    y: number,
    metrics: Metrics,
    cells: number,
  ): void {
    const room = cells * metrics.cell
    const narrow = [...glyph].length === cells && cells > 1 && metrics.runs
    if (narrow) context.letterSpacing = `${metrics.spacing}px`
    const width = narrow ? room : Math.min(context.measureText(glyph).width, room)
    context.fillText(glyph, x + (room - width) / 2, y, room)
    if (narrow) context.letterSpacing = '0px'
  }

  /** Emoji have colours of their own and go on top. */
  private drawEmoji(
    context: CanvasRenderingContext2D,
    page: Page,
    values: Float32Array,
    scale: Scale,
    metrics: Metrics,
    top: number,
  ): void {
    const base = page.rows[0]?.start ?? 0
    context.font = metrics.font
    page.rows.forEach((row, r) => {
      page.placed[r]!.column.forEach((column, i) => {
        const glyph = this.glyphs.text[page.symbols[row.start + i - base]!] ?? ''
        if (!EMOJI.test(glyph)) return
        // Where a system has no colour font, emoji are letters like any other.
        const shade = shadeOf(scale, values[row.start + i - base] ?? NaN)
        context.fillStyle = scale.light[shade] ? '#fff' : '#050608'
        context.setTransform(metrics.ratio, 0, 0, metrics.ratio, 0, top)
        this.drawLetters(
          context,
          glyph,
          column * metrics.cell,
          r * metrics.line + metrics.baseline,
          metrics,
          page.placed[r]!.cells[i]!,
        )
      })
    })
    context.setTransform(1, 0, 0, 1, 0, 0)
  }
}

function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width
    canvas.height = height
  }
  return canvas.getContext('2d')!
}
