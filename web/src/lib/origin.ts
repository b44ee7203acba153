/** Where a recording comes from, in a few words. */
import type { TraceAttributes } from './store/format'

const PARTS = ['train', 'validation', 'test']

/** What was read: the last part of a path is enough, the whole is for a tooltip. */
export function sourceOf({ source }: Pick<TraceAttributes, 'source'>): string {
  const name = typeof source?.name === 'string' ? source.name : ''
  const short = name.split(/[/\\]/).filter(Boolean).at(-1) ?? ''
  const part = typeof source?.part === 'string' && PARTS.includes(source.part) ? `${source.part} part` : ''
  if (!short) return part
  return part ? `${part} of ${short}` : short
}

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })

/** When it was recorded, in the reader's own time; nothing where that is not known. */
export function whenOf({ created }: Pick<TraceAttributes, 'created'>): string {
  const time = Date.parse(created ?? '')
  return Number.isNaN(time) ? '' : day.format(time)
}

/** Which exhibits share their title with another: these are told apart by their names. */
export function sameTitles<T extends { id: string; title: string }>(exhibits: readonly T[]): ReadonlySet<string> {
  const count = new Map<string, number>()
  for (const { title } of exhibits) count.set(title, (count.get(title) ?? 0) + 1)
  return new Set(exhibits.filter(({ title }) => count.get(title)! > 1).map(({ id }) => id))
}
