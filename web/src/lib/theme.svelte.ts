/** Dark or light: what the system says, until the reader chooses; the choice stays on this device. */
import { parseColour } from './colour/scales'

const KEY = 'unrolled-theme'
type Theme = 'dark' | 'light'

const system = matchMedia('(prefers-color-scheme: dark)')

class ThemeState {
  chosen = $state<Theme | undefined>(stored())
  private systemDark = $state(system.matches)

  constructor() {
    system.addEventListener('change', () => (this.systemDark = system.matches))
  }

  get now(): Theme {
    return this.chosen ?? (this.systemDark ? 'dark' : 'light')
  }

  toggle(): void {
    this.chosen = this.now === 'dark' ? 'light' : 'dark'
    try {
      localStorage.setItem(KEY, this.chosen)
    } catch {
      // Storage may be refused; the choice then lasts as long as the page.
    }
    this.apply()
  }

  apply(): void {
    if (this.chosen) document.documentElement.dataset.theme = this.chosen
  }
}

function stored(): Theme | undefined {
  try {
    const value = localStorage.getItem(KEY)
    return value === 'dark' || value === 'light' ? value : undefined
  } catch {
    return undefined
  }
}

export const theme = new ThemeState()

export function startTheme(): void {
  theme.apply()
}

/** A colour as a word of ImageData. */
export function colourWord(rgb: readonly [number, number, number]): number {
  return new Uint32Array(Uint8ClampedArray.of(...rgb, 255).buffer)[0]!
}

/** A colour of the style sheet, as it is now. */
export function themeColour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

export function themeWord(name: string): number {
  return colourWord(parseColour(themeColour(name)))
}
