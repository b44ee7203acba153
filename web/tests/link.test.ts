import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HOME, parse, read, type View, write } from '../src/lib/link/link'

const name = fc.string({ minLength: 1, unit: 'grapheme' })
const number = fc.integer({ min: 0, max: 10 ** 12 })
const view: fc.Arbitrary<View> = fc.record({
  view: fc.constantFrom('neuron', 'network', 'findings'),
  trace: name,
  site: fc.oneof(fc.constant(''), name),
  signal: fc.oneof(fc.constant(''), name),
  neuron: fc.oneof(fc.constant(-1), number),
  step: number,
  top: fc.oneof(fc.constant(-1), number),
  palette: fc.constantFrom('classic', 'colourblind'),
  reach: fc.constantFrom('range', 'own'),
  names: fc.constantFrom('standard', 'article'),
  spaces: fc.boolean(),
  letters: fc.boolean(),
  tool: fc.constantFrom('none', 'history', 'match', 'ablate', 'evidence'),
  wrap: fc.constantFrom('lines', 'width'),
  sort: fc.constantFrom('index', 'variance', 'likeness', 'hypothesis'),
  zoom: fc.constantFrom(-1, 0, 1, 2),
  from: fc.oneof(fc.constant(-1), number),
  to: fc.oneof(fc.constant(-1), number),
  threshold: number,
  hold: fc.oneof(fc.constant(''), name),
  where: fc.oneof(fc.constant(''), name),
  instead: fc.oneof(fc.constant(''), name),
  hypothesis: fc.oneof(fc.constant(''), name),
  filter: fc.oneof(fc.constant(''), name),
  ranking: fc.constantFrom('score', 'name', 'share'),
  all: fc.boolean(),
})

describe('deep links', () => {
  test('hold the whole view', () => {
    fc.assert(fc.property(view, (given) => void expect(read(write(given))).toEqual(given)))
  })

  test('are short where nothing was chosen', () => {
    expect(write({ ...HOME })).toBe('#/')
    expect(write({ ...HOME, view: 'neuron', trace: 'counter', neuron: 7 })).toBe('#/neuron/counter?neuron=7')
  })

  test('any text is a link to something', () => {
    fc.assert(fc.property(fc.string(), (hash) => void expect(['gallery', 'neuron', 'network', 'findings']).toContain(read(`#${hash}`).view)))
  })

  test.each(['', '#', '#/', '#/nowhere/x', '#/neuron', '#/neuron/'])('%s leads to the gallery', (hash) => {
    expect(read(hash).view).toBe('gallery')
  })

  test('what cannot be read takes its default, with a word', () => {
    const { view, misread } = parse('#/neuron/x?neuron=-3&top=NaN&palette=neon&sort=up&letters=maybe&colour=red')
    expect(view).toEqual({ ...HOME, view: 'neuron', trace: 'x' })
    expect(misread).toHaveLength(6)
    for (const word of ['neuron', 'top', 'neon', 'index, variance, likeness, hypothesis', 'maybe', 'colour']) {
      expect(misread.join(' ')).toContain(word)
    }
  })

  test('what is too large is the largest', () => {
    const { view, misread } = parse('#/neuron/x?step=1e9&top=99999999999999999999&zoom=1e999')
    expect([view.step, view.top, view.zoom]).toEqual([1e9, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER])
    expect(misread).toEqual([])
  })

  test('our own links are understood', () => {
    fc.assert(fc.property(view, (given) => void expect(parse(write(given)).misread).toEqual([])))
    for (const hash of ['', '#', '#/']) expect(parse(hash).misread).toEqual([])
  })

  test.each(['#/nowhere/x', '#/neuron', '#/neuron/'])('%s is not understood', (hash) => {
    expect(parse(hash).misread).toHaveLength(1)
  })
})

test('the reference has every key of a link, and every choice', () => {
  const reference = readFileSync('../docs/reference/page.md', 'utf8').split('## Links')[1]!
  const keys = Object.keys(HOME).filter((key) => key !== 'view' && key !== 'trace')
  for (const key of keys) expect(reference).toContain(`\`${key}\``)
  const told = parse(`#/neuron/x?${keys.map((key) => `${key}=~`).join('&')}`).misread.join(' ')
  for (const list of told.matchAll(/it takes ([a-z, ]+)\./g)) {
    for (const choice of list[1]!.split(', ')) if (!choice.includes(' ')) expect(reference).toContain(`\`${choice}\``)
  }
})
