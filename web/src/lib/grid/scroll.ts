/**
 * Ties an element's own scroll bar to a place in a text of any length.
 *
 * Browsers cap the height of an element, so a long text gets a shorter one. Small movements then still move the text by
 * as many pixels; only far jumps (a dragged bar) are taken in proportion, and the bar is put right once all is still.
 */
import type { Anchor, TextLayout } from './layout'

const MAX_HEIGHT = 8_000_000
const STILL_MS = 150

export class Scroll {
  anchor: Anchor = { block: 0, row: 0 }
  private expected = 0
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly element: HTMLElement,
    private readonly spacer: HTMLElement,
    private readonly moved: () => void,
  ) {
    element.addEventListener('scroll', this.onScroll, { passive: true })
  }

  private layout: TextLayout | undefined
  private line = 20
  private height = 0

  configure(layout: TextLayout, line: number, height: number): void {
    this.layout = layout
    this.line = line
    this.height = height
    this.settle()
  }

  /** Rows that fit wholly on the screen, at least one. */
  get visible(): number {
    return Math.max(1, Math.floor(this.height / this.line))
  }

  private get fullHeight(): number {
    return (this.layout?.total ?? 0) * this.line
  }

  private get last(): number {
    return Math.max(0, (this.layout?.total ?? 0) - this.height / this.line)
  }

  /** Text pixels for each pixel of the scroll bar. */
  private get ratio(): number {
    const room = Math.min(this.fullHeight, MAX_HEIGHT) - this.height
    return room <= 0 ? 1 : Math.max(1, (this.fullHeight - this.height) / room)
  }

  get position(): number {
    return this.layout?.position(this.anchor) ?? 0
  }

  to(position: number): void {
    if (!this.layout) return
    this.anchor = this.layout.anchor(Math.min(Math.max(position, 0), this.last))
    this.settle()
    this.moved()
  }

  /** As `to`, by a place: exact even where the rows above are only estimated. */
  toAnchor(anchor: Anchor): void {
    this.anchor = anchor
    this.settle()
    this.moved()
  }

  /** Brings the element in line with the anchor, as after estimates have become counts. */
  settle(): void {
    if (!this.layout) return
    const limit = Math.max(this.layout.count(this.anchor.block) - 1e-6, 0)
    if (this.anchor.row > limit) this.anchor = { ...this.anchor, row: limit }
    if (this.position > this.last) this.anchor = this.layout.anchor(this.last)
    const height = `${Math.max(Math.min(this.fullHeight, MAX_HEIGHT) - this.height, 0)}px`
    if (this.spacer.style.height !== height) this.spacer.style.height = height
    const top = (this.position * this.line) / this.ratio
    if (Math.abs(this.element.scrollTop - top) >= 1) this.element.scrollTop = top
    this.expected = this.element.scrollTop
  }

  private readonly onScroll = (): void => {
    const top = this.element.scrollTop
    const delta = top - this.expected
    if (!this.layout || Math.abs(delta) < 0.5) return
    this.expected = top
    const { ratio } = this
    const near = ratio > 1 && Math.abs(delta) < 3 * this.height
    const position = near ? this.position + delta / this.line : (top * ratio) / this.line
    this.anchor = this.layout.anchor(Math.min(Math.max(position, 0), this.last))
    if (near) {
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.settle(), STILL_MS)
    }
    this.moved()
  }

  destroy(): void {
    clearTimeout(this.timer)
    this.element.removeEventListener('scroll', this.onScroll)
  }
}
