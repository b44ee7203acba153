/** A place of a trace as something to paint with. */
import { type PaletteName, scaleFor } from './colour/scales'
import type { Ink } from './grid/grid'
import type { Found } from './session'
import { statisticsOf } from './statistics'
import type { Trace } from './store/trace'

export async function inkOf(trace: Trace, { site, signal, neuron }: Found, palette: PaletteName): Promise<Ink> {
  const open = signal.range.includes(null)
  const [array, statistics] = await Promise.all([
    trace.signal(site.name, signal.name),
    open ? statisticsOf(trace, site.name, signal.name) : undefined,
  ])
  return {
    array,
    neuron,
    scale: scaleFor(signal, palette, statistics?.largest[neuron]),
    id: `${site.name}.${signal.name}.${neuron}`,
  }
}
