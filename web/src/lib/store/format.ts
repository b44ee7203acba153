/** The attributes of a trace, `unrolled-trace/1`, and the few checks that let the rest of the page trust them. */
import { PageError } from './errors'

export type Role = 'gate' | 'candidate' | 'state'

export interface SignalInfo {
  name: string
  symbol: string
  role: Role
  range: [number | null, number | null]
  article: string
  neurons: number
}

export interface SiteInfo {
  name: string
  cell: string
  layer: number
  direction: 'forward' | 'reverse'
  neurons: number
  inputs: number
  signals: SignalInfo[]
  equations: string[]
}

export interface Place {
  site: string
  signal: string
  neuron: number
}

export interface TraceAttributes {
  format: string
  title?: string
  complete_steps?: number
  created?: string
  symbols: { kind: 'characters' | 'bytes' | 'tokens' | 'none'; vocabulary: string[] }
  sites: SiteInfo[]
  /** Size of the pictures in `frames`. */
  frames?: { height: number; width: number }
  predictions?: { top: number }
  zoom: { blocks: number[] }
  telling?: Place
  nats_per_symbol?: number
  model?: Record<string, unknown>
  source?: Record<string, unknown>
  code?: Record<string, unknown>
}

const FORMAT = 'unrolled-trace/1'

export function checkAttributes(given: unknown): TraceAttributes {
  const attributes = given as Partial<TraceAttributes> | undefined
  if (attributes?.format !== FORMAT) {
    const found = attributes?.format === undefined ? 'no format' : `format ${JSON.stringify(attributes.format)}`
    throw new PageError(`This store has ${found}; the page reads ${FORMAT}.`, 'Record it again with `unrolled trace`.')
  }
  const sites = attributes.sites
  if (!Array.isArray(sites) || !sites.length || sites.some((site) => !site.signals?.length)) {
    throw new PageError('This trace names no recorded signals.', 'Record it again with `unrolled trace`.')
  }
  return {
    ...(attributes as TraceAttributes),
    symbols: attributes.symbols ?? { kind: 'none', vocabulary: [] },
    zoom: attributes.zoom ?? { blocks: [] },
  }
}

export function siteOf(attributes: TraceAttributes, name: string): SiteInfo | undefined {
  return attributes.sites.find((site) => site.name === name)
}

export function signalOf(site: SiteInfo, name: string): SignalInfo | undefined {
  return site.signals.find((signal) => signal.name === name)
}

/** What a neuron means where no signal is named: its cell state where there is one, else its hidden state. */
export function mainSignal(site: SiteInfo): SignalInfo {
  return signalOf(site, 'cell') ?? signalOf(site, 'hidden') ?? site.signals[0]!
}
