/** The equations of one step with the recorded numbers in them. */
import { exact } from '../numbers'

export type Values = Readonly<Record<string, number | undefined>>

export interface Equation {
  /** As in the books: c = f · c₋₁ + i · g */
  formula: string
  /** The same with numbers. */
  numbers: string
  /** What the right side comes to. */
  result: number
  /** What was recorded for the left side. */
  recorded: number
}

interface Form {
  target: string
  formula: string
  needs: readonly string[]
  previous?: string
  compute: (now: Record<string, number>, before: number) => number
  show: (now: Record<string, string>, before: string) => string
}

const STATE: Form = {
  target: 'cell',
  formula: 'c = f · c₋₁ + i · g',
  needs: ['forget_gate', 'input_gate', 'candidate'],
  previous: 'cell',
  compute: (n, c) => n.forget_gate! * c + n.input_gate! * n.candidate!,
  show: (n, c) => `${n.forget_gate} · ${c} + ${n.input_gate} · ${n.candidate}`,
}

const UNGATED: Form = {
  target: 'cell',
  formula: 'c = f · c₋₁ + g',
  needs: ['forget_gate', 'candidate'],
  previous: 'cell',
  compute: (n, c) => n.forget_gate! * c + n.candidate!,
  show: (n, c) => `${n.forget_gate} · ${c} + ${n.candidate}`,
}

const SHOWN: Form = {
  target: 'hidden',
  formula: 'h = o · tanh(c)',
  needs: ['output_gate', 'cell'],
  compute: (n) => n.output_gate! * Math.tanh(n.cell!),
  show: (n) => `${n.output_gate} · tanh(${bare(n.cell!)})`,
}

const MIXED: Form = {
  target: 'hidden',
  formula: 'h = (1 − z) · n + z · h₋₁',
  needs: ['update_gate', 'candidate'],
  previous: 'hidden',
  compute: (n, h) => (1 - n.update_gate!) * n.candidate! + n.update_gate! * h,
  show: (n, h) => `(1 − ${n.update_gate}) · ${n.candidate} + ${n.update_gate} · ${h}`,
}

/** Which identities hold in which cell; a cell that is not here shows its equations in letters only. */
const FORMS: Record<string, readonly Form[]> = {
  lstm: [STATE, SHOWN],
  peephole: [STATE, SHOWN],
  coupled: [STATE, SHOWN],
  'no-input-gate': [UNGATED, SHOWN],
  gru: [MIXED],
}

/** The states whose values before a step its equations need. */
export function statesBefore(cell: string): ReadonlySet<string> {
  return new Set((FORMS[cell] ?? []).flatMap(({ previous }) => previous ?? []))
}

/** Negative factors take brackets, so that no two signs meet. */
function factor(value: number): string {
  const text = exact(value)
  return text.startsWith('−') ? `(${text})` : text
}

function bare(text: string): string {
  return text.replace(/^\((.*)\)$/, '$1')
}

/** `now` and `before`: this neuron's signals at the step, and at the step that its layer read before. */
export function equationsOf(cell: string, now: Values, before: Values): Equation[] {
  const out: Equation[] = []
  for (const form of FORMS[cell] ?? []) {
    const recorded = now[form.target]
    const last = form.previous ? before[form.previous] : 0
    const given = form.needs.map((name) => now[name])
    if (recorded === undefined || last === undefined || given.includes(undefined)) continue
    const numbers = Object.fromEntries(form.needs.map((name, i) => [name, given[i]!]))
    const texts = Object.fromEntries(form.needs.map((name, i) => [name, factor(given[i]!)]))
    out.push({
      formula: form.formula,
      numbers: form.show(texts, factor(last)),
      result: form.compute(numbers, last),
      recorded,
    })
  }
  return out
}

/**
 * Whether the two sides agree to what was stored. Half precision keeps 11 bits, and here up to three stored factors are
 * multiplied; a state in single precision was itself rounded.
 */
export function agrees({ result, recorded }: Pick<Equation, 'result' | 'recorded'>): boolean {
  return Math.abs(result - recorded) <= 2e-3 * Math.max(1, Math.abs(recorded))
}
