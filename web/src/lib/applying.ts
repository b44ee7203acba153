/** The hypotheses that are a question of yes and no, and true somewhere in a trace's text: the server tries them. */
import { ask } from './server'
import type { Session } from './session'
import type { Trace } from './store/trace'

export interface Applying {
  /** Steps, from the first, that were looked at. */
  steps: number
  hypotheses: { name: string; about: string; true: number }[]
}

const known = new WeakMap<Trace, Promise<Applying>>()

export function applyingTo({ id, trace }: Pick<Session, 'id' | 'trace'>): Promise<Applying> {
  let found = known.get(trace)
  if (!found) {
    found = ask<Applying>('hypotheses', { trace: id })
    known.set(trace, found)
    found.catch(() => known.delete(trace))
  }
  return found
}
