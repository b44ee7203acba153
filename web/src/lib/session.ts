/** An opened trace with its text, and the one neuron of it that a link names. */
import type { View } from './link/link'
import { PageError } from './store/errors'
import { mainSignal, type Place, signalOf, type SignalInfo, type SiteInfo, siteOf } from './store/format'
import { Frames } from './store/frames'
import { Symbols } from './store/symbols'
import { Trace } from './store/trace'
import { statisticsOf } from './statistics'
import { captionsOf, type Glyphs, glyphsOf, NO_GLYPHS } from './text/glyphs'

export interface Session {
  id: string
  /** What the trace calls itself, else its id. */
  title: string
  trace: Trace
  symbols: Symbols
  glyphs: Glyphs
  /** The pictures of a film, which stand where a text has letters. */
  frames: Frames | undefined
}

export interface Found {
  site: SiteInfo
  signal: SignalInfo
  neuron: number
}

export async function openSession(id: string, view: View, abort?: AbortSignal): Promise<Session> {
  if (!/^[^/\\]+$/.test(id) || id === '.' || id === '..') {
    throw new PageError(`${JSON.stringify(id)} is not the name of a trace.`, 'Go back to the gallery to see what there is.')
  }
  const trace = await Trace.open(`traces/${encodeURIComponent(id)}/`, abort)
  if (trace.steps < 1) {
    throw new PageError(
      'This trace is unfinished: none of its steps has been published as complete.',
      'If it is being recorded, wait and try again; if the recording was stopped, record it again with `unrolled trace`.',
    )
  }
  warm(trace, view)
  const [symbols, frames] = await Promise.all([Symbols.open(trace), Frames.open(trace)])
  return {
    id,
    title: trace.attributes.title?.trim() || id,
    trace,
    symbols,
    glyphs: glyphsIn(trace, frames),
    frames,
  }
}

function glyphsIn({ attributes: { symbols } }: Trace, frames: Frames | undefined): Glyphs {
  if (symbols.kind === 'none') return NO_GLYPHS
  return frames ? captionsOf(symbols) : glyphsOf(symbols)
}

/** Whether the network read a text letter by letter, so that words can be said of it and others be read in its place. */
export function readsLetters({ trace }: Pick<Session, 'trace'>): boolean {
  const { kind } = trace.attributes.symbols
  return kind === 'characters' || kind === 'bytes'
}

/** Asks for what the first picture needs while the text is still being opened. Its failures show where the data are used. */
function warm(trace: Trace, view: View): void {
  const ignore = () => undefined
  try {
    const { site, signal, neuron } = placeIn({ trace }, view)
    statisticsOf(trace, site.name, signal.name).catch(ignore)
    trace
      .signal(site.name, signal.name)
      .then((array) => {
        const step = Math.min(Math.max(view.top, 0) || view.step, trace.steps - 1)
        return array.chunk([Math.floor(step / array.chunks[0]!), Math.floor(neuron / array.chunks[1]!)])
      })
      .catch(ignore)
  } catch {
    // A link to something that is not there is told of where the view is made.
  }
}

/** What a link's site, signal and neuron stand for in a trace; what it leaves open is the trace's most telling one. */
export function placeIn(session: Pick<Session, 'trace'>, { site, signal, neuron }: Place): Found {
  const { attributes } = session.trace
  const telling = attributes.telling
  const foundSite = siteOf(attributes, site || telling?.site || attributes.sites[0]!.name)
  if (!foundSite) {
    const names = attributes.sites.map(({ name }) => name).join(', ')
    throw new PageError(`This trace has no layer ${site || telling?.site}; it has ${names}.`, 'Change the link, or start over.')
  }
  const isTelling = telling?.site === foundSite.name
  const name = signal || (isTelling ? telling.signal : mainSignal(foundSite).name)
  const foundSignal = signalOf(foundSite, name)
  if (!foundSignal) {
    const names = foundSite.signals.map((one) => one.name).join(', ')
    throw new PageError(`${foundSite.name} has no recorded ${name}; it has ${names}.`, 'Change the link, or start over.')
  }
  const number = neuron >= 0 ? neuron : isTelling ? Math.min(telling.neuron, foundSignal.neurons - 1) : 0
  if (number >= foundSignal.neurons) {
    throw new PageError(
      `There is no neuron ${number}; ${foundSite.name} has neurons 0 to ${foundSignal.neurons - 1}.`,
      'Change the link, or start over.',
    )
  }
  return { site: foundSite, signal: foundSignal, neuron: number }
}
