/** How many cells of a monospaced grid a character takes: 0 (joins the one before), 1, or 2 (East Asian wide, emoji). */

/** East Asian Width W and F of Unicode's EastAsianWidth.txt, in ranges merged over unassigned gaps. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18aff],
  [0x1aff0, 0x1b2ff],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
]

const JOINS = /^(?:\p{Mn}|\p{Me}|\p{Cf}|[\u1160-\u11ff\ud7b0-\ud7ff])$/u
const EMOJI = /^\p{Emoji_Presentation}$/u
/** Format characters that are drawn, as wcwidth has it. */
const SOFT_HYPHEN = 0xad

export function characterWidth(character: string): 0 | 1 | 2 {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x300) return 1
  if (JOINS.test(character) && code !== SOFT_HYPHEN) return 0
  for (const [from, to] of WIDE) {
    if (code < from) break
    if (code <= to) return 2
  }
  return EMOJI.test(character) ? 2 : 1
}

export function textWidth(text: string): number {
  let width = 0
  for (const character of text) width += characterWidth(character)
  return width
}
