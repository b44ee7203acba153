import { describe, expect, test } from 'vitest'
import { coloursOf, meaningOf } from '../src/lib/meanings'
import type { SignalInfo, SiteInfo } from '../src/lib/store/format'

const CELLS: Record<string, [string, SignalInfo['role'], string][]> = {
  lstm: [
    ['input_gate', 'gate', 'save gate'],
    ['forget_gate', 'gate', 'remember gate'],
    ['candidate', 'candidate', 'candidate long-term memory'],
    ['cell', 'state', 'long-term memory'],
    ['output_gate', 'gate', 'focus gate'],
    ['hidden', 'state', 'working memory'],
  ],
  gru: [
    ['reset_gate', 'gate', 'reset gate'],
    ['update_gate', 'gate', 'update gate'],
    ['candidate', 'candidate', 'candidate memory'],
    ['hidden', 'state', 'working memory'],
  ],
  rnn: [['hidden', 'state', 'working memory']],
  feedforward: [['hidden', 'state', 'working memory']],
}
CELLS.peephole = CELLS.lstm!

function siteWith(cell: string, signals = CELLS[cell]!): SiteInfo {
  return {
    ...{ name: 'rnn.l0', cell, layer: 0, direction: 'forward', neurons: 1, inputs: 1, equations: [] },
    signals: signals.map(([name, role, article]) => ({ name, role, article, symbol: name[0]!, range: [0, 1], neurons: 1 })),
  }
}

function line(cell: string, name: string, names: 'standard' | 'article' = 'standard') {
  const site = siteWith(cell)
  return meaningOf(site, site.signals.find((signal) => signal.name === name)!, names)
}

describe('what a signal says', () => {
  test.each(Object.keys(CELLS))('every signal of a %s has a line of its own, in both sets of names', (cell) => {
    const unknown = siteWith('other', CELLS[cell])
    for (const names of ['standard', 'article'] as const) {
      const lines = CELLS[cell]!.map(([name]) => line(cell, name, names))
      expect(new Set(lines).size).toBe(lines.length)
      for (const text of lines) expect(text).not.toMatch(/[{}_]/)
      unknown.signals.forEach((signal, i) => expect(lines[i]).not.toBe(meaningOf(unknown, signal, names)))
    }
  })

  test('names other signals as the reader does', () => {
    expect(line('lstm', 'forget_gate')).toBe('1 keeps what the cell state holds, 0 wipes it')
    expect(line('lstm', 'forget_gate', 'article')).toBe('1 keeps what the long-term memory holds, 0 wipes it')
  })

  test('the gates are the right way round: h = (1 − z) · n + z · h₋₁', () => {
    expect(line('gru', 'update_gate')).toBe('1 keeps the hidden state as it was, 0 replaces it with the candidate')
  })

  test('a cell that is not known is told of by its roles', () => {
    const site = siteWith('other', [['mixing_gate', 'gate', '']])
    expect(meaningOf(site, site.signals[0]!, 'article')).toBe('1 is open, 0 is closed')
  })
})

test('the colours are named as they are', () => {
  expect(coloursOf({ signed: true, own: true }, 'classic')).toMatch(/^red: negative.*blue: positive$/)
  expect(coloursOf({ signed: true, own: false }, 'colourblind')).toMatch(/^brown: negative.*purple: positive$/)
  expect(coloursOf({ signed: false, own: false }, 'classic')).toBe('light green: 0, closed · dark blue: 1, open')
  expect(coloursOf({ signed: false, own: true }, 'classic')).toBe('light green: zero · dark blue: largest')
})
