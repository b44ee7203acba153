/** Evidence: what a neuron does, and which neurons of other traces do the same, as the server works it out. */
import { ask } from './server'
import type { Session } from './session'
import type { Place } from './store/format'

export type Role = 'switch' | 'latch' | 'counter' | 'integrator'

/** How much of the values a role foretells, 0 to 1; nothing where there are too few steps to tell. */
export interface Fit {
  role: Role
  score: number | null
  /** The same over so many steps. */
  holds: { steps: number; score: number }[]
}

/** A symbol, and by how much its log-odds change, in nats. */
export interface Change {
  symbol: string
  change: number
}

/** Each with the largest change first. */
export interface Changes {
  raises: Change[]
  lowers: Change[]
}

/** The neuron of another trace of the same text that behaves most like it. */
export interface Counterpart {
  trace: string
  title: string
  cell: string
  /** Updates of the training that had been made; not of every network is that known. */
  checkpoint: number | null
  name: string
  correlation: number
  steps: number
}

export interface Evidence {
  neuron: string
  /** Steps that were looked at, of all that there are. */
  steps: number
  of: number
  half_life: number | null
  role: Role | null
  fits: Fit[]
  training_steps: number | null
  effect: { weights: Changes | null; measured: Changes & { low: number; high: number } } | null
  /** Why there is no effect. */
  lack: string | null
  others: Counterpart[]
}

export function evidenceOf({ id }: Pick<Session, 'id'>, neuron: string, abort?: AbortSignal): Promise<Evidence> {
  return ask<Evidence>('evidence', { trace: id, neuron }, abort)
}

/** From this score on a role holds. */
export const HOLDS = 0.8

export const MEANINGS: Record<Role, string> = {
  switch: 'It jumps between two values, and the letter just read says which.',
  latch: 'It takes one of two values and stays there, whatever comes.',
  counter: 'Every letter adds or takes away an amount of its own.',
  integrator: 'It adds up what is stored in it and forgets nothing.',
}

/** Roles besides the neuron's own that hold as well; its own comes first as it says most. */
export function alsoHolding({ role, fits }: Pick<Evidence, 'role' | 'fits'>): Role[] {
  return fits.filter((fit) => fit.role !== role && (fit.score ?? 0) >= HOLDS).map((fit) => fit.role)
}

/** All spans of steps that one of the roles was tried over, rising. */
export function horizonsOf(fits: readonly Fit[]): number[] {
  return [...new Set(fits.flatMap(({ holds }) => holds.map(({ steps }) => steps)))].sort((a, b) => a - b)
}

/** What to say of a role beyond the steps that training looked back over; nothing where that was not tried. */
export function beyondTraining({ holds }: Fit, training: number | null): string | undefined {
  const farthest = holds.at(-1)
  if (training === null || !farthest || farthest.steps <= training) return undefined
  return farthest.score >= HOLDS ? 'holds' : 'fails'
}

/** Those that rise most and those that fall most, in one row from top to bottom. */
export function ranked({ raises, lowers }: Changes, most: number): Change[] {
  return [...raises.slice(0, most), ...lowers.slice(0, most).reverse()]
}

/** The place in its trace that a whole name stands for, such as `rnn.l1.cell.42`. */
export function placeIn(name: string): Place {
  const [neuron = '', signal = '', ...site] = name.split('.').reverse()
  return { site: site.reverse().join('.'), signal, neuron: Number(neuron) }
}
