/** A place of a trace as something to paint with. */
import { needsLargest, type PaletteName, type Reach, scaleFor } from './colour/scales'
import type { Ink } from './grid/grid'
import { columnOfHistory, type History, largestShares } from './history'
import type { Found } from './session'
import { statisticsOf } from './statistics'
import { columnOf } from './store/column'
import { signalOf } from './store/format'
import type { Trace } from './store/trace'

export async function inkOf(
  trace: Trace,
  { site, signal, neuron }: Found,
  { palette, reach }: { palette: PaletteName; reach: Reach },
): Promise<Ink> {
  const [array, statistics] = await Promise.all([
    trace.signal(site.name, signal.name),
    needsLargest(signal, reach) ? statisticsOf(trace, site.name, signal.name) : undefined,
  ])
  return {
    column: columnOf(array, neuron),
    scale: scaleFor(signal, palette, reach, statistics?.largest[neuron]),
    id: `${site.name}.${signal.name}.${neuron}`,
  }
}

/** What each step stored of the state's value at one step, up to the largest of those shares. */
export function inkOfHistory(history: History, { site, neuron }: Found, palette: PaletteName): Ink {
  const state = signalOf(site, history.state)!
  return {
    column: columnOfHistory(history),
    scale: scaleFor(state, palette, 'own', Math.abs(largestShares(history, 1)[0]?.share ?? 0)),
    id: `${site.name}.${history.state}.${neuron} at ${history.step}`,
  }
}
