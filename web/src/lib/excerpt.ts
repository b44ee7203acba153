/** A few steps round a place, with their symbols and values, to be shown in a line. */
import type { Session } from './session'
import type { Column } from './store/column'

export interface Excerpt {
  /** The first step shown. */
  start: number
  values: Float32Array
  symbols: Uint32Array
  /** The place itself, steps [first, last). */
  first: number
  last: number
}

const BEFORE = 28
const AFTER = 11
/** Of a long place, its beginning is shown. */
const LONGEST = 18

export async function readExcerpt(
  { trace, symbols }: Pick<Session, 'trace' | 'symbols'>,
  column: Column,
  first: number,
  last: number,
  abort?: AbortSignal,
): Promise<Excerpt> {
  const start = Math.max(0, first - BEFORE)
  const stop = Math.min(trace.steps, Math.min(last, first + LONGEST) + AFTER)
  const [ids] = await Promise.all([symbols.read(start, stop, abort), column.load(start, stop, abort)])
  return { start, values: column.peek(start, stop), symbols: ids, first, last }
}
