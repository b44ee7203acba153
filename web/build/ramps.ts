/** Makes the colours that the page, the terminal and figures share; `npm run ramps` writes them anew. */
import { interpolateCividis, interpolateGnBu, interpolatePuOr, interpolateRdBu } from 'd3-scale-chromatic'

/** Odd, so that zero has a colour of its own. */
const SHADES = 511

const SOURCE =
  'Sampled by web/build/ramps.ts from d3-scale-chromatic (ISC, Mike Bostock): RdBu, GnBu and PuOr after ColorBrewer ' +
  '(Apache-2.0, Cynthia Brewer and others), cividis after Nuñez, Anderton and Renslow (2018).'

type Ramp = (t: number) => string

/** From light green on: the palest tenth of GnBu is white to the eye. */
const gates: Ramp = (t) => interpolateGnBu(0.14 + 0.86 * t)
/** From brown to purple, as the classic one runs from warm to cold. */
const signedSafe: Ramp = (t) => interpolatePuOr(1 - t)
/** Cividis from its light end down, so that 1 is dark in both palettes. */
const gatesSafe: Ramp = (t) => interpolateCividis(1 - t)

const RAMPS: Record<string, Record<string, Ramp>> = {
  classic: { signed: interpolateRdBu, gate: gates },
  colourblind: { signed: signedSafe, gate: gatesSafe },
}

/** Its colours in a row, six hexadecimal digits each. */
function sampled(ramp: Ramp): string {
  const bytes = (css: string) => css.match(/\d+/g)!.map((part) => Number(part).toString(16).padStart(2, '0'))
  return Array.from({ length: SHADES }, (_, i) => bytes(ramp(i / (SHADES - 1))).join('')).join('')
}

/** What src/unrolled/colours.json holds. */
export function table(): string {
  const palettes = Object.entries(RAMPS).map(([name, ramps]) => [
    name,
    Object.fromEntries(Object.entries(ramps).map(([kind, ramp]) => [kind, sampled(ramp)])),
  ])
  return `${JSON.stringify({ source: SOURCE, ...Object.fromEntries(palettes) }, null, 2)}\n`
}
