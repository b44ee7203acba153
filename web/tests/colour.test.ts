import { describe, expect, test } from 'vitest'
import { colourOf, DARK_INK, LIGHT_INK, luminance, MARK_OPACITY, needsLargest, scaleFor, SHADES, shadeOf } from '../src/lib/colour/scales'
import type { SignalInfo } from '../src/lib/store/format'

const signal = (role: SignalInfo['role'], range: SignalInfo['range']): SignalInfo => ({
  name: 'x',
  symbol: 'x',
  role,
  range,
  article: '',
  neurons: 1,
})
const hidden = signal('state', [-1, 1])
const cell = signal('state', [null, null])
const gate = signal('gate', [0, 1])

const rgb = (css: string) => css.match(/\d+/g)!.map(Number) as [number, number, number]

describe('signed signals', () => {
  const scale = scaleFor(hidden, 'classic', 'range')

  test('run from dark red over near-white to dark blue (the ends of ColorBrewer RdBu)', () => {
    expect(colourOf(scale, -1)).toBe('rgb(103,0,31)') // #67001f
    expect(colourOf(scale, 1)).toBe('rgb(5,48,97)') // #053061
    const zero = rgb(colourOf(scale, 0))
    expect(Math.min(...zero)).toBeGreaterThan(230)
    expect(Math.max(...zero) - Math.min(...zero)).toBeLessThan(10)
  })

  test('run from brown to purple for colour-blind eyes, as the legend says (the ends of ColorBrewer PuOr)', () => {
    const safe = scaleFor(hidden, 'colourblind', 'range')
    expect(colourOf(safe, -1)).toBe('rgb(127,59,8)') // #7f3b08
    expect(colourOf(safe, 1)).toBe('rgb(45,0,75)') // #2d004b
  })

  test('zero has the middle colour, and equal distances equal places', () => {
    expect(shadeOf(scale, 0)).toBe((SHADES - 1) / 2)
    for (const value of [0.11, 0.37, 0.93]) expect(shadeOf(scale, value) + shadeOf(scale, -value)).toBe(SHADES - 1)
    expect(shadeOf(scale, 0.5)).toBe(383) // (0.5 + 1) / 2 · 510 = 382.5
  })

  test('values beyond the domain take its ends; what is not a number has no colour', () => {
    expect(shadeOf(scale, 7)).toBe(SHADES - 1)
    expect(shadeOf(scale, -7)).toBe(0)
    expect(shadeOf(scale, NaN)).toBe(-1)
    expect(colourOf(scale, NaN)).toBe('transparent')
  })
})

describe('gates', () => {
  const scale = scaleFor(gate, 'classic', 'range')

  test('run from light green to dark blue', () => {
    const [r0, g0, b0] = rgb(colourOf(scale, 0))
    expect(g0).toBeGreaterThan(r0)
    expect(g0).toBeGreaterThan(b0)
    expect(luminance([r0, g0, b0])).toBeGreaterThan(0.7)
    expect(colourOf(scale, 1)).toBe('rgb(8,64,129)') // #084081, the dark end of ColorBrewer GnBu
  })

  test.each(['classic', 'colourblind'] as const)('get steadily darker in the %s palette', (palette) => {
    const shades = scaleFor(gate, palette, 'range').css.map((css) => luminance(rgb(css)))
    for (let i = 10; i < shades.length; i += 10) expect(shades[i]!).toBeLessThan(shades[i - 10]!)
  })
})

describe('the cell state', () => {
  test("is scaled by the neuron's own largest value, and says so", () => {
    const scale = scaleFor(cell, 'classic', 'range', 12.5)
    expect(scale.own).toBe(true)
    expect(scale.domain).toEqual([-12.5, 12.5])
    expect(colourOf(scale, 12.5)).toBe('rgb(5,48,97)')
    expect(shadeOf(scale, 6.25)).toBe(383)
  })

  test('of a neuron that never moves still has a scale', () => {
    const scale = scaleFor(cell, 'classic', 'range', 0)
    expect(shadeOf(scale, 0)).toBe((SHADES - 1) / 2)
  })
})

describe('a scale to the largest value', () => {
  test('is for signed signals, and only when asked for', () => {
    const scale = scaleFor(hidden, 'classic', 'own', 0.08)
    expect(scale.domain).toEqual([-0.08, 0.08])
    expect(scale.own).toBe(true)
    expect(colourOf(scale, 0.08)).toBe('rgb(5,48,97)')
    expect(scaleFor(hidden, 'classic', 'range', 0.08).domain).toEqual([-1, 1])
    expect(scaleFor(gate, 'classic', 'own', 0.08).domain).toEqual([0, 1])
    expect([hidden, gate, cell].map((one) => needsLargest(one, 'own'))).toEqual([true, false, true])
    expect([hidden, gate, cell].map((one) => needsLargest(one, 'range'))).toEqual([false, false, true])
  })

  test.each([undefined, 0, NaN])('that is %s is the range', (largest) => {
    const scale = scaleFor(hidden, 'classic', 'own', largest)
    expect(scale.domain).toEqual([-1, 1])
    expect(scale.own).toBe(false)
  })
})

test('an open range above zero (ReLU) is one-sided', () => {
  const scale = scaleFor(signal('state', [0, null]), 'classic', 'range', 3)
  expect(scale.signed).toBe(false)
  expect(scale.domain).toEqual([0, 3])
})

test.each([hidden, gate])('letters keep a contrast of at least 4.5 on every colour', (info) => {
  for (const palette of ['classic', 'colourblind'] as const) {
    const { css, light } = scaleFor(info, palette, 'range')
    css.forEach((colour, i) => {
      const ground = luminance(rgb(colour)) + 0.05
      const ink = luminance(light[i] ? LIGHT_INK : DARK_INK) + 0.05
      expect(Math.max(ground / ink, ink / ground)).toBeGreaterThanOrEqual(4.5)
    })
  }
})

test.each([hidden, gate])('whitespace marks keep a contrast of at least 3 on every colour', (info) => {
  for (const palette of ['classic', 'colourblind'] as const) {
    const { css, light } = scaleFor(info, palette, 'range')
    css.forEach((colour, i) => {
      const ink = light[i] ? LIGHT_INK : DARK_INK
      const mixed = rgb(colour).map((part, at) => part * (1 - MARK_OPACITY) + ink[at]! * MARK_OPACITY)
      const [ground, mark] = [luminance(rgb(colour)) + 0.05, luminance(mixed as [number, number, number]) + 0.05]
      expect(Math.max(ground / mark, mark / ground)).toBeGreaterThanOrEqual(3)
    })
  }
})
