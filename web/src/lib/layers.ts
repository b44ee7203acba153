/** What a trace's layers are, in a few words. */
import type { SiteInfo, TraceAttributes } from './store/format'

const CELLS: Record<string, string> = {
  lstm: 'LSTM',
  gru: 'GRU',
  rnn: 'RNN',
  feedforward: 'Feed-forward',
  peephole: 'Peephole LSTM',
  coupled: 'Coupled LSTM',
  'no-input-gate': 'LSTM without input gate',
}

/** Cells of other packages keep their own name. */
export function cellName(cell: string): string {
  return CELLS[cell] ?? cell
}

/** The layers of a trace: both directions of one are one layer. `hint` says so, where there are two. */
export function layersOf({ sites }: Pick<TraceAttributes, 'sites'>): { layers: number; hint: string } {
  const reverse = sites.filter(({ direction }) => direction === 'reverse').length
  const forward = sites.length - reverse
  if (!reverse) return { layers: forward, hint: '' }
  return forward ? { layers: Math.max(forward, reverse), hint: 'both directions' } : { layers: reverse, hint: 'from the end' }
}

/** Equations of a layer that reads from the end: what it read before is the step after. */
export function inDirection(equation: string, { direction }: Pick<SiteInfo, 'direction'>): string {
  return direction === 'reverse' ? equation.replaceAll('₋₁', '₊₁') : equation
}
