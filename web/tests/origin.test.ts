import { expect, test } from 'vitest'
import { sameTitles, sourceOf, whenOf } from '../src/lib/origin'

test('the source is told in short', () => {
  expect(sourceOf({ source: { name: '/home/me/texts/war.txt', part: 'validation' } })).toBe('validation part of war.txt')
  expect(sourceOf({ source: { name: 'C:\\texts\\war.txt', part: 'all' } })).toBe('war.txt')
  expect(sourceOf({ source: { name: 'task:counter' } })).toBe('task:counter')
  expect(sourceOf({ source: { part: 'test' } })).toBe('test part')
  expect(sourceOf({ source: { name: 7, part: 8 } })).toBe('')
  expect(sourceOf({})).toBe('')
})

test('a time that cannot be read is left out', () => {
  expect(whenOf({ created: '2026-06-15T12:00:00Z' })).toMatch(/15 Jun 2026/)
  expect(whenOf({ created: 'yesterday' })).toBe('')
  expect(whenOf({})).toBe('')
})

test('those of one title are told apart by their names', () => {
  const list = [
    { id: 'a-1', title: 'counter' },
    { id: 'b-2', title: 'reader' },
    { id: 'c-3', title: 'counter' },
  ]
  expect(sameTitles(list)).toEqual(new Set(['a-1', 'c-3']))
})
