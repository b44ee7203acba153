/** Numbers as people read them. */

/** Four significant digits, a true minus sign, exponents only where they help. */
export function exact(value: number | null | undefined, digits = 4): string {
  if (value === undefined || value === null || Number.isNaN(value)) return '—'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  const size = Math.abs(value)
  const text =
    size !== 0 && (size >= 1e6 || size < 1e-4)
      ? value.toExponential(digits - 2)
      : value.toFixed(Math.max(0, Math.min(digits, digits - Math.floor(Math.log10(Math.max(size, 1))))))
  return text.replace('-', '−')
}

/** With its sign, whichever it is. */
export function signed(value: number, digits?: number): string {
  return `${value < 0 ? '' : '+'}${exact(value, digits)}`
}

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

export function count(value: number): string {
  return grouped.format(value).replaceAll(',', '\u202f')
}

/** `1 step`, `2 steps`. */
export function many(number: number, one: string, more = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : more}`
}

/** Which of all the steps: `steps 10 to 19 of 100`. */
export function stretch(first: number, last: number, all: number): string {
  return `${first < last ? `steps ${count(first)} to ${count(last)}` : `step ${count(first)}`} of ${count(all)}`
}

export function percent(probability: number): string {
  if (Number.isNaN(probability)) return '—'
  const value = probability * 100
  return `${value >= 99.95 || value < 0.05 ? value.toFixed(value >= 99.95 ? 0 : 2) : value.toFixed(1)} %`
}

export const NATS_TO_BITS = 1 / Math.LN2
