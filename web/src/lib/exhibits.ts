/** What the server shows: exhibits.json, and the metrics and numbers of its runs. */
import { PageError } from './store/errors'
import { HttpStore } from './store/http'

export interface Exhibit {
  id: string
  kind: 'trace' | 'run'
  title: string
  path: string
  trace_ids?: string[]
  run_id?: string
  /** Whether a trace was searched. */
  findings?: boolean
  problem?: string
}

const FORMAT = 'unrolled-exhibits/1'
const HINT = 'Start the page with `unrolled explore PATH`, and open the address that it prints.'

interface Listing {
  exhibits: Exhibit[]
  /** Searches that the server does; a site of files alone has none. */
  searches?: string[]
}

export async function readExhibits(signal?: AbortSignal): Promise<Exhibit[]> {
  return (await readListing(signal)).exhibits
}

async function readListing(signal?: AbortSignal): Promise<Listing> {
  const store = new HttpStore('./')
  const list = (await store.json('exhibits.json', signal ? { signal } : {})) as Partial<Listing & { format: string }> | undefined
  if (!list) throw new PageError('There is no exhibits.json beside this page.', HINT)
  if (list.format !== FORMAT || !Array.isArray(list.exhibits)) {
    throw new PageError(`exhibits.json has format ${JSON.stringify(list.format)}; the page reads ${FORMAT}.`, HINT)
  }
  return list as Listing
}

let listing: Promise<Listing> | undefined

/** The list as it was when the page was loaded. */
function listed(): Promise<Listing> {
  return (listing ??= readListing().catch((error: unknown) => {
    listing = undefined
    throw error
  }))
}

export async function exhibitOf(id: string): Promise<Exhibit | undefined> {
  return (await listed()).exhibits.find((exhibit) => exhibit.id === id)
}

export async function searchesHere(): Promise<readonly string[]> {
  return (await listed()).searches ?? []
}

export interface Point {
  step: number
  nats: number
}

export interface Curve {
  train: Point[]
  validation: Point[]
}

/** Reads metrics.jsonl; lines that are cut or hold something else are passed over, as a run may be writing them now. */
export function parseMetrics(text: string): Curve {
  const curve: Curve = { train: [], validation: [] }
  for (const line of text.split('\n')) {
    const entry = parseLine(line)
    const step = Number(entry?.step)
    const nats = Number(entry?.nats_per_symbol)
    if (!entry || !Number.isFinite(step) || !Number.isFinite(nats)) continue
    ;(entry.part === 'validation' ? curve.validation : curve.train).push({ step, nats })
  }
  return curve
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

export interface RunNumbers {
  settings: Record<string, unknown>
  summary: Record<string, unknown>
  curve: Curve
}

export async function readRun(path: string): Promise<RunNumbers> {
  const store = new HttpStore(path)
  const object = async (name: string) => ((await store.json(name)) ?? {}) as Record<string, unknown>
  const [settings, summary, metrics] = await Promise.all([
    object('settings.json'),
    object('summary.json'),
    store.get('metrics.jsonl'),
  ])
  return { settings, summary, curve: parseMetrics(metrics ? new TextDecoder().decode(metrics) : '') }
}
