/** The single keys that the views share. */

const COMMANDS = {
  '[': 'before',
  ']': 'after',
  r: 'random',
  s: 'signal',
  S: 'signal-back',
  n: 'names',
  w: 'spaces',
  l: 'letters',
  h: 'history',
  m: 'match',
  o: 'ablate',
  e: 'evidence',
  c: 'palette',
  v: 'view',
  k: 'findings',
} as const

export type Command = (typeof COMMANDS)[keyof typeof COMMANDS]

export function commandOf(event: KeyboardEvent): Command | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined
  return COMMANDS[event.key as keyof typeof COMMANDS]
}

/** Keys meant for a field, a list or an open dialog are left to it. */
export function isTyping(event: KeyboardEvent): boolean {
  return event.target instanceof Element && event.target.closest('input, select, textarea, dialog') !== null
}
