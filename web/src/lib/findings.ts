/** What the finder found in a trace: `findings.json` in its folder, written by `unrolled find`. */
import { exhibitOf } from './exhibits'
import type { Session } from './session'
import { ask } from './server'
import { DamagedError, PageError } from './store/errors'
import { mainSignal, type Place, siteOf, type TraceAttributes } from './store/format'
import type { Trace } from './store/trace'

export type Kind = 'answer' | 'number' | 'class'

/** A neuron and how well it tells what the hypothesis says, on steps that it was not chosen by. */
export interface Finding {
  name: string
  /** Whether it rises (1) or falls (−1) where the hypothesis is true. */
  direction: number
  score: number
  /** 95 % of the score's interval. */
  low: number
  high: number
  p: number | null
  /** Whether it stands among all that was tried. */
  found: boolean
  /** Score on the steps that it was chosen by. */
  chosen?: number
  threshold?: number | null
  precision?: number | null
  recall?: number | null
  mutual_information?: number
  correlation?: number
}

export interface Probe {
  neurons: string[]
  score: number
  /** Of the same number of neurons on labels that mean nothing. */
  control?: number | null
}

export interface Baseline {
  name: string
  score: number
}

export interface Hypothesis {
  name: string
  about: string
  kind: Kind
  measure: string
  /** Of the steps for which it is true. */
  share?: number | null
  found: boolean
  /** Best first. */
  neurons: Finding[]
  probes: Probe[]
  untrained?: Baseline | null
  control?: Baseline | null
  null?: number | null
}

export interface Findings {
  steps: number
  /** Steps [first, last) that neurons were chosen by, and those that the scores are of. */
  chosen: [number, number]
  told: [number, number]
  neurons: number
  /** The false-discovery rate, and circular shifts for the null. */
  q: number
  shifts: number
  hypotheses: Hypothesis[]
  /** Hypotheses that were not asked, and why. */
  skipped?: Record<string, string>
}

/** As people write it. */
export function measureName({ measure }: Pick<Hypothesis, 'measure'>): string {
  return measure === 'eta squared' ? 'η²' : measure
}

const FORMAT = 'unrolled-findings/1'
const FILE = 'findings.json'
const AGAIN = 'Search again with `unrolled find`.'

const known = new WeakMap<Trace, Promise<Findings | undefined>>()

/** Nothing where nobody has searched this trace: the list of exhibits says so. */
export function findingsOf({ id, trace }: Pick<Session, 'id' | 'trace'>): Promise<Findings | undefined> {
  let found = known.get(trace)
  if (!found) {
    found = read(id, trace)
    known.set(trace, found)
    found.catch(() => known.delete(trace))
  }
  return found
}

async function read(id: string, trace: Trace): Promise<Findings | undefined> {
  if (!(await exhibitOf(id))?.findings) return undefined
  const given = await trace.store.json(FILE)
  return given === undefined ? undefined : checkFindings(given)
}

export function checkFindings(given: unknown): Findings {
  const { format, hypotheses } = (given ?? {}) as { format?: unknown; hypotheses?: unknown }
  if (format !== FORMAT) {
    throw new PageError(`${FILE} has format ${JSON.stringify(format)}; the page reads ${FORMAT}.`, AGAIN)
  }
  if (!Array.isArray(hypotheses) || !hypotheses.every(isHypothesis)) {
    throw new DamagedError(`${FILE} holds hypotheses that are not whole.`, AGAIN)
  }
  return given as Findings
}

function isHypothesis(given: unknown): boolean {
  const { name, about, neurons, probes } = (given ?? {}) as Partial<Hypothesis>
  if (typeof name !== 'string' || typeof about !== 'string' || !Array.isArray(neurons) || !Array.isArray(probes)) return false
  return neurons.every((one) => typeof one?.name === 'string' && Number.isFinite(one.score))
}

/** The place that a neuron's name stands for (`rnn.l1.cell.42`, or `rnn.l1.42` for its main signal), if the trace has it. */
export function placeOfName(attributes: Pick<TraceAttributes, 'sites'>, name: string): Place | undefined {
  const parts = name.split('.')
  const number = parts.pop()!
  if (!/^\d+$/.test(number)) return undefined
  const neuron = Number(number)
  for (const [site, signal] of [[parts.slice(0, -1).join('.'), parts.at(-1)!], [parts.join('.'), '']] as const) {
    const found = siteOf(attributes as TraceAttributes, site)
    const here = found && (signal ? found.signals.find((one) => one.name === signal) : mainSignal(found))
    if (here && neuron < here.neurons) return { site, signal: here.name, neuron }
  }
  return undefined
}

/** What a neuron may stand for: where one of its signals is a finding, the best of them, best first. */
export function standsFor(
  { hypotheses }: Findings,
  attributes: Pick<TraceAttributes, 'sites'>,
  { site, neuron }: Pick<Place, 'site' | 'neuron'>,
): { hypothesis: Hypothesis; finding: Finding; signal: string }[] {
  const out = hypotheses.flatMap((hypothesis) => {
    for (const finding of hypothesis.neurons) {
      const place = finding.found ? placeOfName(attributes, finding.name) : undefined
      if (place?.site === site && place.neuron === neuron) return [{ hypothesis, finding, signal: place.signal }]
    }
    return []
  })
  return out.sort((a, b) => b.finding.score - a.finding.score)
}

/** Neurons of one signal in the order in which they tell a hypothesis; those that are not named follow by number. */
export function orderBy(
  hypothesis: Hypothesis,
  attributes: Pick<TraceAttributes, 'sites'>,
  site: string,
  signal: string,
  neurons: number,
): number[] {
  const places = hypothesis.neurons.map(({ name }) => placeOfName(attributes, name))
  const named = places.flatMap((place) => (place?.site === site && place.signal === signal ? place.neuron : []))
  return [...new Set([...named, ...Array.from({ length: neurons }, (_, neuron) => neuron)])]
}

/** Searches the trace for hypotheses of the reader's own: names that are known, or `NAME=re:PATTERN`. */
export async function find({ id }: Pick<Session, 'id'>, hypotheses: string[], abort?: AbortSignal): Promise<Findings> {
  return checkFindings(await ask('find', { trace: id, hypotheses }, abort))
}

export type Ranking = 'score' | 'name' | 'share'

export interface Choice {
  /** Words that the name or the line about it must hold. */
  filter: string
  ranking: Ranking
  /** Whether those that nothing was found for are listed as well. */
  all: boolean
}

const best = ({ neurons }: Hypothesis) => neurons[0]?.score ?? -Infinity

export function choose({ hypotheses }: Findings, { filter, ranking, all }: Choice): Hypothesis[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean)
  const text = ({ name, about }: Hypothesis) => `${name} ${about}`.toLowerCase()
  const kept = hypotheses.filter((one) => (all || one.found) && words.every((word) => text(one).includes(word)))
  const ranks: Record<Ranking, (a: Hypothesis, b: Hypothesis) => number> = {
    score: (a, b) => Number(b.found) - Number(a.found) || best(b) - best(a),
    name: () => 0,
    share: (a, b) => (b.share ?? -1) - (a.share ?? -1),
  }
  return kept.sort((a, b) => ranks[ranking](a, b) || a.name.localeCompare(b.name))
}
