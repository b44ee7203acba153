/** Colours of values: a table of 511 colours (odd, so that zero has one of its own) over a domain. */
import ramps from '../../../../src/unrolled/colours.json' // one table for the page, the terminal and figures
import type { SignalInfo } from '../store/format'

export type PaletteName = 'classic' | 'colourblind'

/** How far the colours of a signed signal reach: to the ends of its range, or to the neuron's own largest value. */
export type Reach = 'range' | 'own'

export interface Scale {
  domain: readonly [number, number]
  signed: boolean
  /** Colours as the bytes of ImageData, one 32-bit word each. */
  words: Uint32Array
  /** 1 where light letters are easier to read on the colour. */
  light: Uint8Array
  css: readonly string[]
  /** Whether the domain is the neuron's own, not the signal's. */
  own: boolean
}

export const SHADES = 511

/** Letters on colours. So near to black that one of the two always has a contrast of 4.5 (WCAG AA). */
export const DARK_INK = [5, 6, 8] as const
export const LIGHT_INK = [255, 255, 255] as const

/** How much of a letter's ink a whitespace mark has: so quiet that words stand out, still with a contrast of 3 (WCAG, graphics). */
export const MARK_OPACITY = 0.75

type Table = Pick<Scale, 'words' | 'light' | 'css'>
const made = new Map<string, Table>()

export function parseColour(css: string): [number, number, number] {
  if (css.startsWith('#')) {
    return [1, 3, 5].map((at) => Number.parseInt(css.slice(at, at + 2), 16)) as [number, number, number]
  }
  return css.match(/\d+/g)!.slice(0, 3).map(Number) as [number, number, number]
}

/** Relative luminance of WCAG 2, 0 to 1. */
export function luminance([r, g, b]: readonly [number, number, number]): number {
  const linear = (byte: number) => {
    const part = byte / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/** `ramp`: its colours in a row, six hexadecimal digits each. */
function tableOf(ramp: string): Table {
  const known = made.get(ramp)
  if (known) return known
  const bytes = new Uint8ClampedArray(SHADES * 4)
  const light = new Uint8Array(SHADES)
  const css: string[] = []
  for (let i = 0; i < SHADES; i++) {
    const colour = parseColour(`#${ramp.slice(6 * i, 6 * i + 6)}`)
    bytes.set([...colour, 255], i * 4)
    const ground = luminance(colour) + 0.05
    light[i] = (luminance(LIGHT_INK) + 0.05) / ground > ground / (luminance(DARK_INK) + 0.05) ? 1 : 0
    css.push(`rgb(${colour.join(',')})`)
  }
  const table = { words: new Uint32Array(bytes.buffer), light, css }
  made.set(ramp, table)
  return table
}

function isSigned({ role, range: [low] }: SignalInfo): boolean {
  return !(role === 'gate' || (low !== null && low >= 0))
}

/** Whether a scale depends on the neuron: a range may be open, and a signed signal may be shown up to its largest value. */
export function needsLargest(signal: SignalInfo, reach: Reach): boolean {
  return signal.range.includes(null) || (reach === 'own' && isSigned(signal))
}

/** `largest`: the neuron's own largest absolute value, for signals that need it. */
export function scaleFor(signal: SignalInfo, palette: PaletteName, reach: Reach, largest?: number): Scale {
  const [low, high] = signal.range
  const open = low === null || high === null
  const known = largest && Number.isFinite(largest) ? largest : undefined
  const own = open || (known !== undefined && needsLargest(signal, reach))
  const end = own ? Math.max(known ?? 1, 1e-12) : Math.max(-low!, high!)
  const signed = isSigned(signal)
  const ramp = ramps[palette][signed ? 'signed' : 'gate']
  const domain: [number, number] = signed ? [-end, end] : [own ? 0 : low!, end]
  return { domain, signed, own, ...tableOf(ramp) }
}

/** The number of a value's colour; values beyond the domain take its ends. NaN has none: −1. */
export function shadeOf(scale: Scale, value: number): number {
  if (Number.isNaN(value)) return -1
  const [low, high] = scale.domain
  const t = (value - low) / (high - low)
  return Math.round(Math.min(Math.max(t, 0), 1) * (SHADES - 1))
}

export function colourOf(scale: Scale, value: number): string {
  const shade = shadeOf(scale, value)
  return shade < 0 ? 'transparent' : scale.css[shade]!
}
