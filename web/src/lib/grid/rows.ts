/** Cutting text into the rows of a grid, and placing the steps of one row in its cells. */
import type { Glyphs } from '../text/glyphs'

export type Wrap = 'lines' | 'width'

export interface Row {
  /** Steps [start, stop). */
  start: number
  stop: number
}

/** Cells that a symbol takes; a mark with nothing before it in its row stands alone in one. */
export function cellsFor(glyphs: Glyphs, symbol: number, alone: boolean): number {
  return glyphs.width[symbol] || (alone ? 1 : 0)
}

/**
 * First steps of the rows of [start, stop). `breaks(step)` says that a row ends after a step; `symbols[0]` is at `start`.
 * A symbol wider than the grid has a row of its own.
 */
export function cutRows(
  symbols: Uint32Array,
  glyphs: Glyphs,
  start: number,
  stop: number,
  columns: number,
  breaks: (step: number, symbol: number) => boolean,
): Uint32Array {
  const rows: number[] = []
  let used = 0
  let open = false
  for (let step = start; step < stop; step++) {
    const symbol = symbols[step - start]!
    const cells = cellsFor(glyphs, symbol, !open)
    if (!open || (cells && used + cells > columns)) {
      rows.push(step)
      used = 0
      open = true
    }
    used += cells
    if (breaks(step, symbol)) open = false
  }
  return Uint32Array.from(rows)
}

export interface Placed {
  /** First cell of each step of the row. */
  column: Uint16Array
  /** Cells of each step; 0 where it joins the one before. */
  cells: Uint8Array
  /** Cells the whole row takes. */
  width: number
}

export function placeRow(row: Row, symbols: Uint32Array, base: number, glyphs: Glyphs): Placed {
  const count = row.stop - row.start
  const column = new Uint16Array(count)
  const cells = new Uint8Array(count)
  let next = 0
  for (let i = 0; i < count; i++) {
    const wide = cellsFor(glyphs, symbols[row.start + i - base]!, i === 0)
    cells[i] = wide
    column[i] = wide ? next : column[i - 1]!
    next += wide
  }
  return { column, cells, width: next }
}

/** The step whose cell covers `column` (the first of those that share it); past the end, the last step. */
export function stepAt(row: Row, placed: Placed, column: number): number {
  for (let i = 0; i < placed.column.length; i++) {
    if (placed.cells[i] && column < placed.column[i]! + placed.cells[i]!) return row.start + i
  }
  return Math.max(row.stop - 1, row.start)
}
