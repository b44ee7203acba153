/** Letters above columns that are all of one width, one column a step: as the grid joins and measures them. */
import type { Glyphs } from './glyphs'

const NARROW = 10
/** Room for a letter of two cells. */
const BROAD = 14

/** Pixels of a column: enough for the widest single letter of the vocabulary. */
export function columnWidth({ width }: Glyphs): number {
  return width.includes(2) ? BROAD : NARROW
}

/**
 * What to draw above each step: a letter with the marks that follow it, nothing above those marks. Of a token that does not
 * fit, its first letter.
 */
export function columnLetters(symbols: Uint32Array, { text, marked, width }: Glyphs): string[] {
  const out: string[] = []
  let base = -1
  symbols.forEach((symbol, i) => {
    const letters = marked[symbol] ?? ''
    out.push('')
    if (width[symbol]) {
      base = i
      out[i] = width[symbol]! > 2 || [...letters].length > 2 ? ([...(text[symbol] ?? '').trim()][0] ?? '') : letters
    } else if (base < 0) {
      out[i] = `◌${letters}` // its letter is before what is shown
      base = i
    } else {
      out[base] += letters
    }
  })
  return out
}
