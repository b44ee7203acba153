/**
 * Rows for a text of any length without reading all of it.
 *
 * The text is cut into blocks. Where the rows of a block begin depends on that block's own text alone, so the middle of ten
 * million steps is laid out as quickly as the beginning; blocks not yet seen count with an estimate of their rows.
 */
import type { Symbols } from '../store/symbols'
import type { Glyphs } from '../text/glyphs'
import { cutRows, type Row, type Wrap } from './rows'

const BLOCK = 16_384
/** A block leaves its first line to the block before if that line ends within so many steps. */
const OVERHANG = 2048

/** A place in the text: a block, and rows (with a fraction) from its first. */
export interface Anchor {
  block: number
  row: number
}

export class TextLayout {
  readonly blocks: number
  private readonly size: number
  private readonly known: (Uint32Array | undefined)[]
  private readonly sums: Float64Array
  private stale = true

  constructor(
    readonly symbols: Symbols,
    readonly glyphs: Glyphs,
    readonly columns: number,
    readonly wrap: Wrap,
  ) {
    const even = this.exact ? columns * Math.max(1, Math.floor(BLOCK / columns)) : BLOCK
    this.size = even
    this.blocks = Math.max(1, Math.ceil(symbols.steps / this.size))
    this.known = new Array<Uint32Array | undefined>(this.blocks)
    this.sums = new Float64Array(this.blocks + 1)
  }

  get steps(): number {
    return this.symbols.steps
  }

  /** Rows follow from arithmetic alone. */
  private get exact(): boolean {
    return !this.symbols.written || (this.wrap === 'width' && this.glyphs.even)
  }

  /** Which steps must be at hand to lay a block out. */
  private span(block: number): [number, number] {
    const start = block * this.size
    return [Math.max(0, start - 1), Math.min(this.steps, start + this.size + OVERHANG)]
  }

  has(block: number): boolean {
    return this.rows(block) !== undefined
  }

  async load(block: number, signal?: AbortSignal): Promise<void> {
    if (!this.exact) await this.symbols.load(...this.span(block), signal)
  }

  /** First steps of the block's rows, or nothing while its text is not here. */
  rows(block: number): Uint32Array | undefined {
    const known = this.known[block]
    if (known) return known
    const made = this.exact ? this.evenRows(block) : this.textRows(block)
    if (made) {
      this.known[block] = made
      this.stale = true
    }
    return made
  }

  private evenRows(block: number): Uint32Array {
    const start = block * this.size
    const stop = Math.min(start + this.size, this.steps)
    return Uint32Array.from({ length: Math.ceil((stop - start) / this.columns) }, (_, i) => start + i * this.columns)
  }

  private textRows(block: number): Uint32Array | undefined {
    const [from, to] = this.span(block)
    const text = this.symbols.peek(from, to)
    if (!text) return undefined
    const start = this.edge(block, text, from)
    const stop = this.edge(block + 1, text, from)
    return cutRows(text.subarray(start - from, stop - from), this.glyphs, start, stop, this.columns, this.breaks(start))
  }

  private breaks(start: number): (step: number, symbol: number) => boolean {
    if (this.wrap === 'width') return () => false
    const { sequences } = this.symbols
    let next = this.symbols.sequenceOf(start)
    return (step, symbol) => {
      while (next < sequences.length && sequences[next]!.stop <= step) next++
      return this.glyphs.ends[symbol] === 1 || sequences[next]?.stop === step + 1
    }
  }

  /** Where the rows of a block begin: at its first line end, or at its own bound where none is near. */
  private edge(block: number, text: Uint32Array, from: number): number {
    const bound = block * this.size
    if (bound === 0) return 0
    if (bound >= this.steps) return this.steps
    const limit = Math.min(bound + OVERHANG, this.steps)
    if (this.wrap === 'lines') {
      const breaks = this.breaks(bound - 1)
      for (let step = bound - 1; step < limit; step++) if (breaks(step, text[step - from]!)) return step + 1
    }
    for (let step = bound; step < limit; step++) if (this.glyphs.width[text[step - from]!]) return step
    return bound
  }

  private refresh(): void {
    if (!this.stale) return
    let rows = 0
    let steps = 0
    this.known.forEach((known, block) => {
      if (!known) return
      rows += known.length
      steps += Math.min(this.size, this.steps - block * this.size)
    })
    const perStep = this.exact ? 1 / this.columns : steps ? rows / steps : 1.6 / this.columns
    for (let block = 0; block < this.blocks; block++) {
      const length = Math.min(this.size, this.steps - block * this.size)
      this.sums[block + 1] = this.sums[block]! + (this.known[block]?.length ?? Math.max(1, Math.ceil(length * perStep)))
    }
    this.stale = false
  }

  /** Rows of the whole text, estimated where it has not been seen. */
  get total(): number {
    this.refresh()
    return this.sums[this.blocks]!
  }

  count(block: number): number {
    this.refresh()
    return this.sums[block + 1]! - this.sums[block]!
  }

  /** Rows above a place. */
  position(anchor: Anchor): number {
    this.refresh()
    return this.sums[anchor.block]! + anchor.row
  }

  anchor(position: number): Anchor {
    this.refresh()
    const at = Math.min(Math.max(position, 0), Math.max(this.total - 1e-6, 0))
    let low = 0
    let high = this.blocks - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.sums[middle]! <= at) low = middle
      else high = middle - 1
    }
    return { block: low, row: at - this.sums[low]! }
  }

  /** The row that holds a step, in a block that has been laid out; nothing if it has not. */
  find(step: number): Anchor | undefined {
    let block = Math.min(Math.floor(step / this.size), this.blocks - 1)
    let rows = this.rows(block)
    if (rows && block > 0 && (rows.length === 0 || step < rows[0]!)) rows = this.rows(--block)
    if (!rows) return undefined
    let low = 0
    let high = rows.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (rows[middle]! <= step) low = middle
      else high = middle - 1
    }
    return { block, row: low }
  }

  /** Blocks that must be laid out before `find(step)` answers. */
  blocksFor(step: number): number[] {
    const block = Math.min(Math.floor(step / this.size), this.blocks - 1)
    return block > 0 && step - block * this.size < OVERHANG ? [block - 1, block] : [block]
  }

  /** Up to `count` rows from a place on; fewer where a block is not here (its number is `missing`) or the text ends. */
  take(anchor: Anchor, count: number): { rows: Row[]; missing: number | undefined } {
    const rows: Row[] = []
    let { block } = anchor
    let at = Math.floor(anchor.row)
    while (rows.length < count && block < this.blocks) {
      const starts = this.rows(block)
      if (!starts) return { rows, missing: block }
      for (; at < starts.length && rows.length < count; at++) {
        const stop = starts[at + 1] ?? this.nextStart(block)
        rows.push({ start: starts[at]!, stop })
      }
      block++
      at = 0
    }
    return { rows, missing: undefined }
  }

  /** Where the first row after a block begins. Its text is at hand, as the block itself was laid out with it. */
  private nextStart(block: number): number {
    if (this.exact) return Math.min((block + 1) * this.size, this.steps)
    const [from, to] = this.span(block)
    const text = this.symbols.peek(from, to)
    return text ? this.edge(block + 1, text, from) : Math.min((block + 1) * this.size, this.steps)
  }
}
