/** The two sets of names: the field's own, and the article's that the project grew from. */
import type { SignalInfo } from './store/format'

export type NameSet = 'standard' | 'article'

const STANDARD: Record<string, string> = { cell: 'cell state', hidden: 'hidden state' }

export function signalName(signal: SignalInfo, names: NameSet): string {
  if (names === 'article' && signal.article) return signal.article
  return STANDARD[signal.name] ?? signal.name.replaceAll('_', ' ')
}
