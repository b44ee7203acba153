/** Ablation: a stretch of the text read again while a neuron is held, as the server does it. */
import { type Asked, heldIn, wordFor } from './holding'
import { ask } from './server'
import type { Session } from './session'

/** Odds of the likeliest next symbols, best first. */
export type Odds = [symbol: string, probability: number][]

export interface Change {
  name: string
  steps: number
  /** Nats a symbol. */
  before: number
  after: number
  change: number
  low: number | null
  high: number | null
  /** The same for random neurons that vary as much. */
  controls: number[]
  /** How many times as much as those. */
  ratio: number | null
}

export interface Moment {
  step: number
  context: string
  symbol: string
  loss_before: number
  loss_after: number
}

interface Reading {
  /** None at the last step of a sequence. */
  loss: (number | null)[]
  likeliest: Odds[]
}

export interface Ablation {
  /** The steps of the trace [first, last) that were read. */
  span: readonly [number, number]
  /** What was held, and at what, in words. */
  held: string
  /** What to call the reading in which it was held. */
  word: string
  by_step: { held: boolean[]; before: Reading; after: Reading }
  ablation: {
    overall: Change
    symbols: Change[]
    /** Where each is true, and where it is not. */
    hypotheses: { name: string; true: Change | null; false: Change | null }[]
    moments: Moment[]
    samples: { prime: string; before: string; after: string } | null
  }
}

export async function ablate({ id }: Pick<Session, 'id'>, asked: Asked, abort?: AbortSignal): Promise<Ablation> {
  const { neuron, where, ...how } = asked
  const place = where ? { where, hypotheses: [where] } : {}
  const answer = await ask<Omit<Ablation, 'span' | 'held' | 'word'>>('ablate', { trace: id, neurons: [neuron], ...how, ...place }, abort)
  return { ...answer, span: asked.span, held: heldIn(asked), word: wordFor(asked) }
}

/** How much more (or less) each step's loss is for what was held; no number where no symbol is known to follow. */
export function changesOf({ by_step: { before, after } }: Pick<Ablation, 'by_step'>): Float64Array {
  return Float64Array.from(before.loss, (loss, at) => {
    const held = after.loss[at]
    return loss === null || held === null || held === undefined ? NaN : held - loss
  })
}

export interface Compared {
  symbol: string
  before: number | undefined
  after: number | undefined
}

/** The likeliest symbols of both readings at one step: what either of them has no number for was not among its likeliest. */
export function compareOdds(before: Odds, after: Odds): Compared[] {
  const held = new Map(after)
  const free = new Map(before)
  const symbols = new Set([...free.keys(), ...held.keys()])
  return [...symbols].map((symbol) => ({ symbol, before: free.get(symbol), after: held.get(symbol) }))
}

/** Where two samples drawn with the same random numbers begin to differ. */
export function sameLength(one: string, other: string): number {
  let at = 0
  while (at < one.length && at < other.length && one[at] === other[at]) at++
  return at
}
