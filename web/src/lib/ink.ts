/** A place of a trace as something to paint with. */
import { needsLargest, type PaletteName, type Reach, scaleFor } from './colour/scales'
import type { Ink } from './grid/grid'
import type { Found } from './session'
import { statisticsOf } from './statistics'
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
    array,
    neuron,
    scale: scaleFor(signal, palette, reach, statistics?.largest[neuron]),
    id: `${site.name}.${signal.name}.${neuron}`,
  }
}
