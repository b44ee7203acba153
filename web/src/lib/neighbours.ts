/** Neurons that behave like one: the correlation of their values, over chunks spread over the trace. */
import { heatSource, loadHeat, peekHeat } from './heat'
import { sampledSpans } from './sample'
import type { Found } from './session'
import { type SignalInfo, signalOf, type SiteInfo } from './store/format'
import { readColumn } from './store/table'
import type { Trace } from './store/trace'

export interface Neighbour {
  site: SiteInfo
  signal: SignalInfo
  neuron: number
  /** −1 to 1. */
  correlation: number
}

/** All neurons of a layer are read for it: a few chunks of each tell enough. */
const CHUNKS = 4

/** Sums of two columns of numbers, from which their correlation follows; they are added to chunk by chunk. */
export class Correlation {
  private n = 0
  private x = 0
  private y = 0
  private xx = 0
  private yy = 0
  private xy = 0

  add(xs: ArrayLike<number>, ys: ArrayLike<number>): void {
    this.n += xs.length
    for (let i = 0; i < xs.length; i++) {
      const [x, y] = [xs[i]!, ys[i]!]
      this.x += x
      this.y += y
      this.xx += x * x
      this.yy += y * y
      this.xy += x * y
    }
  }

  /** 0 where one of them never changes. */
  get value(): number {
    const spread = (this.xx - (this.x * this.x) / this.n) * (this.yy - (this.y * this.y) / this.n)
    const together = this.xy - (this.x * this.y) / this.n
    return spread > 1e-12 * this.xx * this.yy ? together / Math.sqrt(spread) : 0
  }
}

/** The same signal in every layer that has it; the likest first, whichever sign. */
export async function findNeighbours(trace: Trace, place: Found, wanted: number, abort?: AbortSignal): Promise<Neighbour[]> {
  const mine = await trace.signal(place.site.name, place.signal.name)
  const spans = sampledSpans(trace, mine, CHUNKS)
  const own = await Promise.all(spans.map(({ start, stop }) => readColumn(mine, place.neuron, start, stop, abort)))
  const found: Neighbour[] = []
  for (const site of trace.attributes.sites) {
    const signal = signalOf(site, place.signal.name)
    if (!signal) continue
    const source = await heatSource(trace, site.name, signal.name, -1)
    const sums = Array.from({ length: signal.neurons }, () => new Correlation())
    for (const [at, { start, stop }] of spans.entries()) {
      await loadHeat(source, start, stop, abort)
      peekHeat(source, start, stop).forEach((values, neuron) => sums[neuron]!.add(own[at]!, values))
    }
    sums.forEach((sum, neuron) => {
      if (site !== place.site || neuron !== place.neuron) found.push({ site, signal, neuron, correlation: sum.value })
    })
  }
  return found.sort((a, b) => Math.abs(b.correlation) - Math.abs(a.correlation)).slice(0, wanted)
}
