import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Anchor, TextLayout } from '../src/lib/grid/layout'
import { Scroll } from '../src/lib/grid/scroll'

/** An element that scrolls as a browser's does: whole pixels, and no further than what is in it. */
class Box extends EventTarget {
  readonly style = { height: '0px' }
  private top = 0

  get scrollTop(): number {
    return this.top
  }

  set scrollTop(value: number) {
    this.top = Math.min(Math.max(Math.round(value), 0), Number.parseFloat(this.style.height))
  }

  user(top: number): void {
    this.scrollTop = top
    this.dispatchEvent(new Event('scroll'))
  }
}

const LINE = 20
const HEIGHT = 400

function make(rows: number) {
  const layout = {
    total: rows,
    count: () => rows,
    position: (anchor: Anchor) => anchor.row,
    anchor: (row: number) => ({ block: 0, row }),
  } as unknown as TextLayout
  const box = new Box()
  const scroll = new Scroll(box as unknown as HTMLElement, { style: box.style } as HTMLElement, () => undefined)
  scroll.configure(layout, LINE, HEIGHT)
  return { box, scroll }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a text that fits a browser', () => {
  test('scrolls pixel by pixel, from its first row to its last', () => {
    const { box, scroll } = make(1000)
    expect(box.style.height).toBe('19600px') // 1000 · 20 less the 400 of the stage that stays
    box.user(130)
    expect(scroll.position).toBeCloseTo(6.5, 9)
    box.user(Infinity)
    expect(scroll.position).toBeCloseTo(980, 9)
  })

  test('that is shorter than the screen does not scroll', () => {
    const { box, scroll } = make(5)
    box.user(100)
    expect(scroll.position).toBe(0)
  })
})

describe('a text too tall for any browser', () => {
  const ROWS = 10_000_000

  test('has an element that is not', () => {
    expect(Number.parseFloat(make(ROWS).box.style.height)).toBeLessThanOrEqual(8_000_000)
  })

  test('moves by as many pixels as the wheel, anywhere', () => {
    const { box, scroll } = make(ROWS)
    scroll.to(5_000_000)
    for (let turn = 0; turn < 10; turn++) box.user(box.scrollTop + 100)
    expect(scroll.position).toBeCloseTo(5_000_050, 6)
    for (let turn = 0; turn < 20; turn++) box.user(box.scrollTop - 100)
    expect(scroll.position).toBeCloseTo(4_999_950, 6)
  })

  test('follows a dragged bar in proportion, to both ends', () => {
    const { box, scroll } = make(ROWS)
    const room = Number.parseFloat(box.style.height)
    box.user(room / 2)
    expect(scroll.position / ROWS).toBeCloseTo(0.5, 4)
    box.user(room)
    expect(scroll.position).toBeCloseTo(ROWS - HEIGHT / LINE, 3)
    box.user(0)
    expect(scroll.position).toBe(0)
  })

  test('puts the bar right once all is still, without moving the text', () => {
    const { box, scroll } = make(ROWS)
    scroll.to(4_000_000)
    const before = box.scrollTop
    for (let turn = 0; turn < 50; turn++) box.user(box.scrollTop + 1000)
    const { position } = scroll
    vi.runAllTimers()
    expect(scroll.position).toBe(position)
    expect(box.scrollTop - before).toBeLessThan(2100) // 50,000 pixels of text are 2,000 of the bar
  })
})
