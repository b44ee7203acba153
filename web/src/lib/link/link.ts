/** A deep link: the whole view as the part of the address after '#', and back. */
import type { PaletteName, Reach } from '../colour/scales'
import type { Ranking } from '../findings'
import type { Wrap } from '../grid/rows'
import type { NameSet } from '../names'

const TRACE_VIEWS = ['neuron', 'network', 'findings'] as const

export type ViewName = 'gallery' | TraceView
export type TraceView = (typeof TRACE_VIEWS)[number]
export type Sort = 'index' | 'variance' | 'likeness' | 'hypothesis'

/** Beside looking: who stored what it holds, where else it does the same, what breaks without it, what it does. */
export type Tool = 'none' | 'history' | 'match' | 'ablate' | 'evidence'

export interface View {
  view: ViewName
  trace: string
  /** Empty: the trace's most telling one. */
  site: string
  signal: string
  /** −1: the trace's most telling one. */
  neuron: number
  /** The selected step. */
  step: number
  /** The first step on the screen; −1: wherever the selected step is. */
  top: number
  palette: PaletteName
  reach: Reach
  names: NameSet
  spaces: boolean
  letters: boolean
  wrap: Wrap
  /** What is tried on the neuron. */
  tool: Tool
  /** The marked span, steps [from, to); −1: none. */
  from: number
  to: number
  /** How much of what its colours go up to a neuron must reach to be on, in percent. */
  threshold: number
  /** What a neuron is held at: zero, mean, a number, span (as over the marked one) or text; empty is zero. */
  hold: string
  /** The hypothesis that must be true where it is held; empty: everywhere. */
  where: string
  /** With `text`: what the network reads instead. */
  instead: string
  sort: Sort
  /** Level of the zoom pyramid in the network view; −1: single steps. */
  zoom: number
  /** The one that is open among the findings, and that the network view is ordered by; empty: none. */
  hypothesis: string
  /** Which findings are listed, and in which order. */
  filter: string
  ranking: Ranking
  all: boolean
}

export const HOME: Readonly<View> = {
  view: 'gallery',
  trace: '',
  site: '',
  signal: '',
  neuron: -1,
  step: 0,
  top: -1,
  palette: 'classic',
  reach: 'range',
  names: 'standard',
  spaces: true,
  letters: true,
  wrap: 'lines',
  tool: 'none',
  from: -1,
  to: -1,
  threshold: 30,
  hold: '',
  where: '',
  instead: '',
  sort: 'index',
  zoom: -1,
  hypothesis: '',
  filter: '',
  ranking: 'score',
  all: false,
}

/** The choices that follow the reader from trace to trace. */
export function habits(view: View): Partial<View> {
  const { palette, reach, names, spaces, letters, wrap, sort } = view
  return { palette, reach, names, spaces, letters, wrap, sort }
}

const CHOICES = {
  palette: ['classic', 'colourblind'],
  reach: ['range', 'own'],
  names: ['standard', 'article'],
  wrap: ['lines', 'width'],
  sort: ['index', 'variance', 'likeness', 'hypothesis'],
  ranking: ['score', 'name', 'share'],
  tool: ['none', 'history', 'match', 'ablate', 'evidence'],
} as const

const NUMBERS = ['neuron', 'step', 'top', 'zoom', 'from', 'to', 'threshold'] as const
const TEXTS = ['site', 'signal', 'hypothesis', 'filter', 'hold', 'where', 'instead'] as const
const SWITCHES = ['spaces', 'letters', 'all'] as const

/** Only what differs from the default is written, so that links stay short. */
export function write(view: View): string {
  const query = new URLSearchParams()
  for (const key of [...TEXTS, ...NUMBERS, ...(Object.keys(CHOICES) as (keyof typeof CHOICES)[])]) {
    if (view[key] !== HOME[key]) query.set(key, String(view[key]))
  }
  for (const key of SWITCHES) if (view[key] !== HOME[key]) query.set(key, view[key] ? '1' : '0')
  const path = view.view === 'gallery' ? '/' : `/${view.view}/${encodeURIComponent(view.trace)}`
  const text = query.toString()
  return `#${path}${text ? `?${text}` : ''}`
}

/** Any text is a link to something: what cannot be read takes its default. */
export function read(hash: string): View {
  return parse(hash).view
}

/** A view, and a line for everything in the link that was not understood. */
export function parse(hash: string): { view: View; misread: string[] } {
  const [path = '', text = ''] = hash.replace(/^#/, '').split(/\?(.*)/s)
  const [, name = '', trace = ''] = path.split('/')
  const query = new URLSearchParams(text)
  const view: View = { ...HOME }
  const misread: string[] = []
  const named = TRACE_VIEWS.find((one) => one === name)
  if (named && trace) {
    view.view = named
    view.trace = decode(trace)
  } else if (name) {
    const what = named ? 'The link names no trace' : `There is no view ${JSON.stringify(decode(name))}`
    misread.push(`${what}: links begin with ${TRACE_VIEWS.map((one) => `#/${one}/TRACE`).join(', ')}.`)
  }
  for (const key of TEXTS) view[key] = query.get(key) ?? ''
  for (const key of NUMBERS) {
    const given = query.get(key)
    if (given === null) continue
    const value = wholeNumber(given)
    if (value !== undefined) view[key] = value
    else misread.push(`${key} is ${JSON.stringify(given)}; it takes whole numbers from 0.`)
  }
  for (const key of SWITCHES) {
    const given = query.get(key)
    if (given === '0' || given === '1') view[key] = given === '1'
    else if (given !== null) misread.push(unknown(key, given, ['0', '1']))
  }
  for (const [key, allowed] of Object.entries(CHOICES)) {
    const given = query.get(key)
    if (given === null) continue
    if ((allowed as readonly string[]).includes(given)) Object.assign(view, { [key]: given })
    else misread.push(unknown(key, given, allowed))
  }
  const keys = [...TEXTS, ...NUMBERS, ...SWITCHES, ...Object.keys(CHOICES)]
  for (const key of query.keys()) {
    if (!keys.includes(key)) misread.push(`${JSON.stringify(key)} means nothing here; links hold ${keys.join(', ')}.`)
  }
  return { view, misread }
}

function unknown(key: string, given: string, allowed: readonly string[]): string {
  return `${key} is ${JSON.stringify(given)}; it takes ${allowed.join(', ')}.`
}

/** Too large ones are as large as a number can be: where they are used they end at the last step. */
function wholeNumber(text: string): number | undefined {
  if (!/^\d+(e\d+)?$/i.test(text)) return undefined
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
