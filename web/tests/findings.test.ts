import { describe, expect, test } from 'vitest'
import { checkFindings, choose, type Finding, type Hypothesis, orderBy, placeOfName, standsFor } from '../src/lib/findings'
import type { SiteInfo, TraceAttributes } from '../src/lib/store/format'

const site = (name: string, signals: [string, number][]): SiteInfo =>
  ({ name, signals: signals.map(([signal, neurons]) => ({ name: signal, neurons })) }) as SiteInfo
const attributes = {
  sites: [site('rnn.l0', [['forget_gate', 4], ['cell', 4], ['hidden', 2]]), site('a.b.l1', [['hidden', 3]])],
} as TraceAttributes

const finding = (name: string, score: number, found = true): Finding => ({
  name, score, found, direction: 1, low: score - 0.01, high: score + 0.01, p: 0.001,
})
const hypothesis = (name: string, neurons: Finding[], given: Partial<Hypothesis> = {}): Hypothesis => ({
  name, about: `about ${name}`, kind: 'answer', measure: 'AUC', found: true, neurons, probes: [], ...given,
})
const findings = (...hypotheses: Hypothesis[]) =>
  checkFindings({
    format: 'unrolled-findings/1', steps: 100, chosen: [0, 50], told: [50, 100], neurons: 13, q: 0.05, shifts: 99, hypotheses,
  })

describe('the name of a neuron', () => {
  test.each([
    ['rnn.l0.cell.3', { site: 'rnn.l0', signal: 'cell', neuron: 3 }],
    ['rnn.l0.forget_gate.0', { site: 'rnn.l0', signal: 'forget_gate', neuron: 0 }],
    ['rnn.l0.3', { site: 'rnn.l0', signal: 'cell', neuron: 3 }],
    ['a.b.l1.2', { site: 'a.b.l1', signal: 'hidden', neuron: 2 }],
    ['a.b.l1.hidden.2', { site: 'a.b.l1', signal: 'hidden', neuron: 2 }],
  ])('%s is a place', (name, place) => expect(placeOfName(attributes, name)).toEqual(place))

  test.each(['rnn.l0.cell.4', 'rnn.l0.hidden.2', 'rnn.l9.cell.0', 'rnn.l0.cell', 'rnn.l0.cell.-1', 'rnn.l0.cell.1.5', '', '3'])(
    '%s is none',
    (name) => expect(placeOfName(attributes, name)).toBeUndefined(),
  )
})

describe('findings', () => {
  test.each([
    [undefined, 'format undefined'],
    [{ format: 'unrolled-findings/2' }, '"unrolled-findings/2"; the page reads unrolled-findings/1'],
    [{ format: 'unrolled-findings/1' }, 'not whole'],
    [{ format: 'unrolled-findings/1', hypotheses: [{ name: 'x', about: '', neurons: [{ name: 'y' }], probes: [] }] }, 'not whole'],
    [{ format: 'unrolled-findings/1', hypotheses: [null] }, 'not whole'],
  ])('that are no findings are refused: %j', (given, words) => expect(() => checkFindings(given)).toThrow(words))

  const quoted = hypothesis('quoted', [finding('rnn.l0.cell.3', 0.98), finding('rnn.l0.cell.1', 0.9), finding('rnn.l0.forget_gate.1', 0.7)], { share: 0.1 })
  const indent = hypothesis('indent', [finding('rnn.l0.1', 0.95), finding('rnn.l0.cell.2', 0.6, false)], { share: 0.5 })
  const nothing = hypothesis('vowel', [finding('rnn.l0.cell.1', 0.51, false)], { found: false, share: 0.4 })
  const all = findings(quoted, indent, nothing)

  test('tell what a neuron stands for, each with its best signal, best first', () => {
    const names = (neuron: number) =>
      standsFor(all, attributes, { site: 'rnn.l0', neuron }).map(({ hypothesis: { name }, signal }) => `${name} ${signal}`)
    expect(names(1)).toEqual(['indent cell', 'quoted cell'])
    expect(names(2)).toEqual([]) // among the neurons, but not found
    expect(standsFor(all, attributes, { site: 'a.b.l1', neuron: 1 })).toEqual([])
  })

  test('order the neurons of a signal, and none is lost or doubled', () => {
    expect(orderBy(quoted, attributes, 'rnn.l0', 'cell', 4)).toEqual([3, 1, 0, 2])
    expect(orderBy(quoted, attributes, 'rnn.l0', 'forget_gate', 4)).toEqual([1, 0, 2, 3])
    expect(orderBy(quoted, attributes, 'a.b.l1', 'hidden', 3)).toEqual([0, 1, 2])
  })

  test('are filtered by words and ordered', () => {
    const names = (choice: Partial<Parameters<typeof choose>[1]>) =>
      choose(all, { filter: '', ranking: 'score', all: false, ...choice }).map(({ name }) => name)
    expect(names({})).toEqual(['quoted', 'indent'])
    expect(names({ all: true })).toEqual(['quoted', 'indent', 'vowel'])
    expect(names({ all: true, ranking: 'name' })).toEqual(['indent', 'quoted', 'vowel'])
    expect(names({ all: true, ranking: 'share' })).toEqual(['indent', 'vowel', 'quoted'])
    expect(names({ filter: ' ABOUT quo ' })).toEqual(['quoted'])
    expect(names({ filter: 'quo dent' })).toEqual([])
  })
})
