/** What a neuron is held at, where, and over which steps: from the reader's choices to what the server is asked. */
import { many } from './numbers'

/** The most steps that are read again at a time. */
export const MOST_STEPS = 4000

export interface Asked {
  span: readonly [number, number]
  /** As `rnn.l1.cell.42`. */
  neuron: string
  /** zero, mean, clamp=V, or patch. */
  mode: string
  /** The hypothesis that must be true where it is held. */
  where?: string
  /** With patch: the first steps of the span, to be held at what the neuron was elsewhere, step by step. */
  steps?: readonly [number, number]
  patch?: string
  patch_span?: readonly [number, number]
}

/** What is held, and at what. */
export function heldIn({ neuron, mode, where, patch, patch_span: span }: Asked): string {
  const at = span ? `as at steps ${span[0]} to ${span[1] - 1}` : patch ? `as in ${JSON.stringify(patch)}` : mode
  return `${neuron}, ${at}${where ? `, where ${where}` : ''}`
}

/** What stands over the numbers of the reading in which it was held. */
export function wordFor({ mode }: Asked): string {
  return mode === 'zero' || mode === 'mean' ? 'without it' : 'held so'
}

interface Wanted {
  /** As the link has it: zero, mean, a number, span, text. */
  hold: string
  /** With text. */
  instead: string
  where: string
  /** The marked span, with span. */
  from: number
  to: number
  step: number
}

/**
 * What to ask for, or in words what is still missing. What comes from elsewhere is put in from the selected step on, and
 * the text is read from there.
 */
export function plan(wanted: Wanted, neuron: string, window: { first: number; last: number }, steps: number): Asked | string {
  const { hold, instead, where, from, to, step } = wanted
  const kind = holdKind(hold)
  if (kind === 'span' || kind === 'text') {
    const given = kind === 'span' ? to - from : [...instead].length
    if (kind === 'span' && (from < 0 || given < 1 || to > steps)) return 'Mark the steps whose values are to be taken.'
    if (kind === 'text' && given < 2) return 'Write what the network should read instead, two letters at least.'
    const held = Math.min(given, steps - step)
    if (held > MOST_STEPS) return `That is ${many(held, 'step')}; at most ${many(MOST_STEPS, 'step')} are read at a time.`
    const last = Math.min(Math.max(step + held, window.last), step + MOST_STEPS)
    const source = kind === 'span' ? { patch_span: [from, from + held] as const } : { patch: instead }
    return { span: [step, last], neuron, mode: 'patch', steps: [0, held], ...source }
  }
  if (kind === 'value' && (hold.trim() === '' || !Number.isFinite(Number(hold)))) return `${JSON.stringify(hold)} is no number to hold it at.`
  const span = [window.first, Math.min(window.last, window.first + MOST_STEPS)] as const
  if (span[1] <= span[0]) return ''
  return { span, neuron, mode: kind === 'value' ? `clamp=${hold}` : kind, ...(where && { where }) }
}

export type HoldKind = 'zero' | 'mean' | 'value' | 'span' | 'text'

export function holdKind(hold: string): HoldKind {
  if (hold === '') return 'zero'
  return hold === 'zero' || hold === 'mean' || hold === 'span' || hold === 'text' ? hold : 'value'
}
