/** What a signal says and what its colours mean, one plain line each, in the reader's set of names. */
import type { PaletteName, Scale } from './colour/scales'
import { type NameSet, signalName } from './names'
import { type SignalInfo, type SiteInfo, signalOf } from './store/format'

/** Signals in braces are named as the reader has chosen. */
const LSTM: Record<string, string> = {
  input_gate: '1 stores the {candidate} in the {cell}, 0 stores none of it',
  forget_gate: '1 keeps what the {cell} holds, 0 wipes it',
  candidate: 'what this step would store; the {input_gate} decides how much of it goes in',
  cell: 'what the neuron remembers; it may grow without limit',
  output_gate: '1 shows the {cell} to the rest of the network, 0 hides it',
  hidden: 'what the neuron shows to the rest of the network: as much of its {cell} as the {output_gate} lets out',
}

const GRU: Record<string, string> = {
  reset_gate: '1 lets what was remembered into the {candidate}, 0 makes it from what is read now alone',
  update_gate: '1 keeps the {hidden} as it was, 0 replaces it with the {candidate}',
  candidate: 'what could take the place of the {hidden}; the {update_gate} decides how much of it does',
  hidden: 'what the neuron remembers, and shows to the rest of the network',
}

const MEANINGS: Record<string, Record<string, string>> = {
  lstm: LSTM,
  peephole: LSTM,
  coupled: LSTM,
  'no-input-gate': { ...LSTM, candidate: 'what this step stores' },
  gru: GRU,
  rnn: { hidden: 'what the neuron makes of the symbol and of all states before, and shows to the rest of the network' },
  feedforward: { hidden: 'what the neuron makes of what is read now; it remembers nothing' },
}

/** For cells that the page does not know. */
const BY_ROLE: Record<string, string> = {
  gate: '1 is open, 0 is closed',
  candidate: 'what could be stored at this step',
  state: 'what the neuron carries from step to step, or shows to the rest of the network',
}

export function meaningOf(site: SiteInfo, signal: SignalInfo, names: NameSet): string {
  const line = MEANINGS[site.cell]?.[signal.name] ?? BY_ROLE[signal.role] ?? ''
  return line.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const meant = signalOf(site, name)
    return meant ? signalName(meant, names) : name.replaceAll('_', ' ')
  })
}

const COLOURS: Record<PaletteName, { signed: string; gate: string }> = {
  classic: { signed: 'red: negative · white: zero · blue: positive', gate: 'light green: {low} · dark blue: {high}' },
  colourblind: { signed: 'brown: negative · white: zero · purple: positive', gate: 'yellow: {low} · dark blue: {high}' },
}

export function coloursOf(scale: Pick<Scale, 'signed' | 'own'>, palette: PaletteName): string {
  if (scale.signed) return COLOURS[palette].signed
  const [low, high] = scale.own ? ['zero', 'largest'] : ['0, closed', '1, open']
  return COLOURS[palette].gate.replace('{low}', low!).replace('{high}', high!)
}
