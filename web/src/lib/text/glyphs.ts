/** What each symbol of a vocabulary looks like in the grid. */
import type { TraceAttributes } from '../store/format'
import { characterWidth, textWidth } from './width'

export interface Glyphs {
  /** Letters to draw; '' draws nothing. */
  readonly text: readonly string[]
  /** The same with whitespace drawn: · → ⏎ */
  readonly marked: readonly string[]
  /** The drawn whitespace alone, blanks where letters are; '' where there is none. */
  readonly marks: readonly string[]
  /** Cells it takes; 0 joins the cell before. */
  readonly width: Uint8Array
  /** 1 where a line ends after the symbol. */
  readonly ends: Uint8Array
  /** Whether every symbol takes exactly one cell, so that rows can be cut by arithmetic. */
  readonly even: boolean
  /** A word for people and screen readers. */
  readonly spoken: readonly string[]
}

const MARKS: Record<string, string> = { ' ': '·', '\t': '→', '\n': '⏎', '\r': '␍', '\u00a0': '⍽', '\u3000': '·' }
const SPOKEN: Record<string, string> = {
  ' ': 'space',
  '\t': 'tab',
  '\n': 'newline',
  '\r': 'carriage return',
  '\u00a0': 'no-break space',
  '\u3000': 'ideographic space',
}
const MAX_WIDTH = 64 // a token longer than this is drawn cut

/** Control characters have no shape of their own; their Unicode pictures stand for them. */
function picture(character: string): string {
  const code = character.codePointAt(0)!
  if (code < 32) return String.fromCodePoint(0x2400 + code)
  if (code === 127) return '␡'
  if (code < 0xa0 && code > 127) return '�'
  return character
}

function mark(character: string): string {
  return MARKS[character] ?? picture(character)
}

function plain(character: string): string {
  if (character in MARKS) return ' '
  return picture(character)
}

function markAlone(character: string): string {
  return MARKS[character] ?? ' '.repeat(characterWidth(character))
}

function byteText(symbol: string): string {
  const value = /^0x([0-9a-f]{2})$/i.exec(symbol)
  if (!value) return symbol
  const code = Number.parseInt(value[1]!, 16)
  return code < 33 || code === 127 ? String.fromCharCode(code) : value[1]!.toLowerCase()
}

function speak(shown: string, symbol: string): string {
  if (shown in SPOKEN) return SPOKEN[shown]!
  const characters = [...symbol]
  if (characters.length === 1 && characterWidth(symbol) === 0) return `combining ${hex(symbol)}`
  if (characters.length === 1 && (symbol.codePointAt(0)! < 32 || symbol === '\x7f')) return `control ${hex(symbol)}`
  return symbol.replaceAll('\n', '⏎').replaceAll('\t', '→')
}

function hex(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
}

export function glyphsOf(symbols: TraceAttributes['symbols']): Glyphs {
  const count = symbols.vocabulary.length
  const text: string[] = []
  const marked: string[] = []
  const marks: string[] = []
  const spoken: string[] = []
  const width = new Uint8Array(count)
  const ends = new Uint8Array(count)
  symbols.vocabulary.forEach((symbol, index) => {
    const shown = symbols.kind === 'bytes' ? byteText(symbol) : symbol
    const characters = [...shown].slice(0, MAX_WIDTH)
    text.push(characters.map(plain).join(''))
    marked.push(characters.map(mark).join(''))
    marks.push(characters.some((one) => one in MARKS) ? characters.map(markAlone).join('') : '')
    spoken.push(speak(shown, symbol))
    // An empty token still needs a cell, and so does a mark that a tokenizer left on its own.
    const cells = textWidth(marked[index]!)
    width[index] = cells || symbols.kind !== 'characters' ? Math.max(cells, 1) : 0
    ends[index] = shown.endsWith('\n') ? 1 : 0
  })
  return { text, marked, marks, width, ends, spoken, even: width.every((cells) => cells === 1) }
}

/** Of a film: each step is one cell with its picture in it, and the symbol is the picture's caption. */
export function captionsOf({ vocabulary }: TraceAttributes['symbols']): Glyphs {
  return {
    text: vocabulary,
    marked: vocabulary,
    marks: vocabulary.map(() => ''),
    width: new Uint8Array(vocabulary.length).fill(1),
    ends: new Uint8Array(vocabulary.length),
    spoken: vocabulary,
    even: true,
  }
}

/** For traces without symbols: every step is one empty cell. */
export const NO_GLYPHS: Glyphs = {
  text: [''],
  marked: [''],
  marks: [''],
  width: Uint8Array.of(1),
  ends: Uint8Array.of(0),
  spoken: [''],
  even: true,
}
