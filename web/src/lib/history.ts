/**
 * Write history: how much of what a neuron holds at one step each step before it stored.
 *
 * A gated state is a sum: c = f · c₋₁ + i · g, so that step s has i·g times all the forget gates since in it:
 * c(t) = Σₛ (∏ f, from s + 1 to t) · i(s)·g(s) + (∏ f, from the first step to t) · the initial state.
 */
import type { Found } from './session'
import { readInitial } from './step'
import { type SiteInfo, signalOf } from './store/format'
import type { Sequence, Symbols } from './store/symbols'
import { type Column, columnFrom } from './store/column'
import { readColumn } from './store/table'
import type { Trace } from './store/trace'

interface Recipe {
  state: string
  /** What part of the state the gate keeps, from the signals in `keeps`. */
  keeps: string
  /** What a step stores, from the signals in `needs` (`keeps` may be one of them). */
  needs: readonly string[]
  stored: (...needs: number[]) => number
}

const GATED: Recipe = {
  state: 'cell',
  keeps: 'forget_gate',
  needs: ['input_gate', 'candidate'],
  stored: (input, candidate) => input! * candidate!,
}

const RECIPES: Record<string, Recipe> = {
  lstm: GATED,
  peephole: GATED,
  coupled: GATED,
  'no-input-gate': { ...GATED, needs: ['candidate'], stored: (candidate) => candidate! },
  gru: { state: 'hidden', keeps: 'update_gate', needs: ['update_gate', 'candidate'], stored: (z, n) => (1 - z!) * n! },
}

/** Beyond this many steps back the rest is told as one sum. */
export const FARTHEST = 32_768
/** Shares smaller than this part of the largest cannot be seen as a colour. */
const INVISIBLE = 1e-4

export interface History {
  /** Whose value it explains. */
  step: number
  state: string
  /** As recorded. */
  value: number
  /** The first step that was read back to (of a layer that reads from the end: `step` itself). */
  first: number
  /** One a step, from `first`. */
  shares: Float64Array
  /** What came from beyond the steps that were read: older steps together, or the initial state. NaN where it is not known. */
  rest: number
  /** Whether all steps from the sequence's beginning were read, so that `rest` is what the initial state left. */
  whole: boolean
  /** Of the steps in the sequence before those: whether they have too little left in it to be seen. */
  faded: boolean
  reverse: boolean
  sequence: Sequence
}

/** The gate that says how much of a cell's state stays; nothing where it has none. */
export function keepsOf(cell: string): string | undefined {
  return RECIPES[cell]?.keeps
}

/** Of which state a neuron's history is told, or why it cannot be. */
export function historyOf(site: SiteInfo, neurons: number): { state: string } | { lack: string } {
  const recipe = RECIPES[site.cell]
  if (!recipe) return { lack: 'This cell makes its state anew at every step: nothing is stored in it from step to step.' }
  const names = [recipe.state, recipe.keeps, ...recipe.needs]
  const missing = names.filter((name) => !signalOf(site, name)).map((name) => name.replaceAll('_', ' '))
  if (missing.length) return { lack: `Who stored it follows from signals that were not recorded: ${missing.join(', ')}.` }
  if (signalOf(site, recipe.state)!.neurons !== neurons) {
    return { lack: 'These are projections of many neurons; choose the cell state to see who stored it.' }
  }
  return { state: recipe.state }
}

/** Reads back, window by window, until no older step can matter. The place must be one that `historyOf` gives a state for. */
export async function readHistory(
  trace: Trace,
  symbols: Symbols,
  { site, neuron }: Pick<Found, 'site' | 'neuron'>,
  step: number,
  abort?: AbortSignal,
): Promise<History> {
  const recipe = RECIPES[site.cell]!
  const state = await trace.signal(site.name, recipe.state)
  const gates = await Promise.all([recipe.keeps, ...recipe.needs].map((name) => trace.signal(site.name, name)))
  const number = symbols.sequenceOf(step)
  const sequence = symbols.sequences[number]!
  const reverse = site.direction === 'reverse'
  const size = gates[0]!.chunks[0]!
  const [value] = await readColumn(state, neuron, step, step + 1, abort)
  const back = new Backwards(site.cell)
  let next = step
  let read = 0
  while (reverse ? next < sequence.stop : next >= sequence.start) {
    if (read >= FARTHEST || back.done) break
    const block = Math.floor(next / size)
    const from = reverse ? next : Math.max(sequence.start, block * size)
    const to = reverse ? Math.min(sequence.stop, (block + 1) * size) : next + 1
    const columns = await Promise.all(gates.map((array) => readColumn(array, neuron, from, to, abort)))
    back.take(reverse ? columns : columns.map((column) => column.reverse()))
    read += to - from
    next = reverse ? to : from - 1
  }
  const whole = reverse ? next >= sequence.stop : next < sequence.start
  const before = whole
    ? await readInitial(trace, site.name, recipe.state, number, neuron, abort)
    : (await readColumn(state, neuron, next, next + 1, abort))[0]
  const shares = Float64Array.from(back.shares)
  return {
    step,
    state: recipe.state,
    value: value!,
    first: reverse ? step : next + 1,
    shares: reverse ? shares : shares.reverse(),
    rest: back.kept * (before ?? NaN),
    whole,
    faded: back.done,
    reverse,
    sequence,
  }
}

/** Takes steps of one neuron in the order from the explained one back. */
export class Backwards {
  readonly shares: number[] = []
  /** What is kept, up to the explained step, of the state before the oldest step taken. */
  kept = 1
  private largest = 0

  private readonly recipe: Recipe

  constructor(cell: string) {
    this.recipe = RECIPES[cell]!
  }

  /** Whether older steps have too little left to be seen: a gate keeps at most all, and a step stores at most one. */
  get done(): boolean {
    return this.kept <= INVISIBLE * this.largest
  }

  /** Values of the signals that the recipe names, each from the newest step to the oldest. */
  take([keeps, ...needs]: Float32Array[]): void {
    keeps!.forEach((gate, at) => {
      const share = this.kept * this.recipe.stored(...needs.map((column) => column[at]!))
      this.shares.push(share)
      this.largest = Math.max(this.largest, Math.abs(share))
      this.kept *= gate
    })
  }
}

export interface Share {
  step: number
  share: number
}

/** The steps that stored most, whichever sign, the largest first. */
export function largestShares({ shares, first }: History, wanted: number): Share[] {
  const steps = Array.from(shares, (share, at) => ({ step: first + at, share })).filter(({ share }) => share !== 0)
  return steps.sort((a, b) => Math.abs(b.share) - Math.abs(a.share) || b.step - a.step).slice(0, wanted)
}

/** What all shares and the rest come to: the recorded value, to rounding. */
export function sumOf({ shares, rest }: History): number {
  return shares.reduce((sum, share) => sum + share, Number.isNaN(rest) ? 0 : rest)
}

/** To colour the text by: steps that it does not hang on, or of which nothing is known, have no value. */
export function columnOfHistory({ shares, first, faded, reverse, sequence }: History): Column {
  const known = columnFrom(shares, first)
  if (!faded) return known
  const [from, to] = reverse ? [first + shares.length, sequence.stop] : [sequence.start, first]
  const older = (at: number) => at >= from && at < to
  return { ...known, peek: (start, stop) => known.peek(start, stop).map((share, i) => (older(start + i) ? 0 : share)) }
}
