import { expect, test } from 'vitest'
import { cellName, inDirection, layersOf } from '../src/lib/layers'
import type { SiteInfo } from '../src/lib/store/format'

const sites = (...directions: SiteInfo['direction'][]) => ({ sites: directions.map((direction) => ({ direction }) as SiteInfo) })

test('both directions of a layer are one layer', () => {
  expect(layersOf(sites('forward'))).toEqual({ layers: 1, hint: '' })
  expect(layersOf(sites('forward', 'forward', 'forward'))).toEqual({ layers: 3, hint: '' })
  expect(layersOf(sites('forward', 'reverse', 'forward', 'reverse'))).toEqual({ layers: 2, hint: 'both directions' })
  expect(layersOf(sites('reverse', 'reverse'))).toEqual({ layers: 2, hint: 'from the end' })
})

test('what a layer that reads from the end read before is the step after', () => {
  expect(inDirection('c = f · c₋₁ + i · g', { direction: 'reverse' })).toBe('c = f · c₊₁ + i · g')
  expect(inDirection('c = f · c₋₁ + i · g', { direction: 'forward' })).toBe('c = f · c₋₁ + i · g')
})

test('cells are named as they are written, those of others as they name themselves', () => {
  expect(['lstm', 'gru', 'rnn', 'feedforward', 'peephole', 'mine'].map(cellName)).toEqual([
    'LSTM',
    'GRU',
    'RNN',
    'Feed-forward',
    'Peephole LSTM',
    'mine',
  ])
})
