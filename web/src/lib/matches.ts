/** Match: all places of a trace where the neurons do what they do over a span, as the server finds them. */
import { ask } from './server'
import type { Session } from './session'

export type Off = 'none' | 'before' | 'after' | 'both'

export interface Asked {
  /** Steps [first, last). */
  span: readonly [number, number]
  signal: string
  /** 0 to 1: how much of what its colours go up to a neuron must reach to be on. */
  threshold: number
  /** Where a neuron must be off to belong to the pattern: just before the span, just after it. */
  off: Off
}

export interface Match {
  start: number
  stop: number
  /** Neurons of the pattern that are on all over it, and others that are. */
  on: number
  others: number
  /** Nothing where its sequence ends. */
  next: string | null
}

export interface Following {
  symbol: string | null
  places: number
  share: number
}

export interface Matches {
  signal: string
  threshold: number
  least: number
  neurons: { name: string; sign: number; threshold: number }[]
  steps: number
  /** All that were found; `matches` has the best of them. */
  places: number
  matches: Match[]
  /** What comes next after all places, most often first. */
  next: Following[]
}

const TOP = 60

export function findMatches({ id }: Pick<Session, 'id'>, { span, signal, threshold, off }: Asked, abort?: AbortSignal): Promise<Matches> {
  return ask<Matches>('match', { trace: id, span, signal, threshold, off, top: TOP }, abort)
}

export interface Group extends Following {
  /** The best of its places. */
  matches: Match[]
}

/** Places by what comes next after them; groups none of whose places is among the best are left out. */
export function groupByNext({ matches, next }: Pick<Matches, 'matches' | 'next'>): Group[] {
  return next
    .map((following) => ({ ...following, matches: matches.filter((match) => match.next === following.symbol) }))
    .filter((group) => group.matches.length)
}
