/** Everything recorded about one neuron at one step: its signals, what was before, what the network expected. */
import { statesBefore, type Values } from './equations/equations'
import type { SignalInfo, SiteInfo } from './store/format'
import type { Symbols } from './store/symbols'
import { readColumn, readRow } from './store/table'
import type { Trace } from './store/trace'

/** Signals that belong to this neuron: with projections, the hidden state has neurons of its own. */
export function siblings(site: SiteInfo, signal: SignalInfo): SignalInfo[] {
  return site.signals.filter(({ neurons }) => neurons === signal.neurons)
}

export interface Around {
  now: Values
  /** Of the states that the step's equations need. */
  before: Values
  /** Whether `before` is the state in which the sequence began. */
  begins: boolean
}

export async function readAround(
  trace: Trace,
  symbols: Symbols,
  site: SiteInfo,
  signals: readonly SignalInfo[],
  neuron: number,
  step: number,
  abort?: AbortSignal,
): Promise<Around> {
  const number = symbols.sequenceOf(step)
  const sequence = symbols.sequences[number]!
  const last = site.direction === 'reverse' ? step + 1 : step - 1
  const needed = statesBefore(site.cell)
  const begins = last < sequence.start || last >= sequence.stop
  const now: Record<string, number> = {}
  const before: Record<string, number | undefined> = {}
  await Promise.all(
    signals.map(async ({ name }) => {
      const array = await trace.signal(site.name, name)
      const [here] = await readColumn(array, neuron, step, step + 1, abort)
      now[name] = here!
      if (!needed.has(name)) return
      if (!begins) before[name] = (await readColumn(array, neuron, last, last + 1, abort))[0]
      else before[name] = await readInitial(trace, site.name, name, number, neuron, abort)
    }),
  )
  return { now, before, begins }
}

/** The state in which a sequence began; nothing where the trace does not hold it. */
export async function readInitial(
  trace: Trace,
  site: string,
  state: string,
  sequence: number,
  neuron: number,
  abort?: AbortSignal,
): Promise<number | undefined> {
  const array = await trace.array(`initial/${site}/${state}`)
  if (!array || sequence >= array.shape[0]!) return undefined
  return (await readColumn(array, neuron, sequence, sequence + 1, abort))[0]
}

export interface Expectation {
  odds: { symbol: number; probability: number }[]
  /** Nats for the symbol that did come next; NaN where none is known. */
  loss: number
}

export async function readExpectation(trace: Trace, step: number, abort?: AbortSignal): Promise<Expectation | undefined> {
  if (!trace.attributes.predictions) return undefined
  const [symbols, probabilities, loss] = await Promise.all([
    trace.array('predictions/symbols'),
    trace.array('predictions/probabilities'),
    trace.array('loss'),
  ])
  if (!symbols || !probabilities) return undefined
  const [ids, odds, nats] = await Promise.all([
    readRow(symbols, step, abort),
    readRow(probabilities, step, abort),
    loss ? loss.chunk([Math.floor(step / loss.chunks[0]!)], abort) : undefined,
  ])
  return {
    odds: ids.map((symbol, i) => ({ symbol, probability: odds[i]! })),
    loss: loss && nats ? Number(nats[step % loss.chunks[0]!]) : NaN,
  }
}
