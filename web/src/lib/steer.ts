/** Single keys that do the same in both views of a trace, and the moves they share with its buttons. */
import type { Command } from './keys'
import { current } from './link/current.svelte'
import type { Tool } from './link/link'
import type { Found } from './session'

export function chooseNeuron({ site, signal }: Found, neuron: number, entry = false): void {
  current.go({ site: site.name, signal: signal.name, neuron }, entry)
}

/** The neuron before or after, round the end. */
export function moveNeuron(place: Found, by: number): void {
  const count = place.signal.neurons
  chooseNeuron(place, (place.neuron + by + count) % count)
}

export function randomNeuron(place: Found): void {
  const others = place.signal.neurons - 1
  if (others < 1) return
  const other = Math.floor(Math.random() * others)
  chooseNeuron(place, other >= place.neuron ? other + 1 : other, true)
}

/** Takes a tool, or puts it away. */
export function useTool(tool: Tool): void {
  current.go({ tool: current.view.tool === tool ? 'none' : tool }, true)
}

function moveSignal({ site, signal, neuron }: Found, by: number): void {
  const { signals } = site
  const next = signals[(signals.indexOf(signal) + by + signals.length) % signals.length]!
  current.go({ signal: next.name, site: site.name, neuron: Math.min(neuron, next.neurons - 1) })
}

/** Whether the command is one that every view of a trace has; if so it is done. */
export function steer(command: Command, place: Found): boolean {
  const { view } = current
  switch (command) {
    case 'before':
      moveNeuron(place, -1)
      return true
    case 'after':
      moveNeuron(place, 1)
      return true
    case 'random':
      randomNeuron(place)
      return true
    case 'signal':
      moveSignal(place, 1)
      return true
    case 'signal-back':
      moveSignal(place, -1)
      return true
    case 'names':
      current.go({ names: view.names === 'standard' ? 'article' : 'standard' })
      return true
    case 'palette':
      current.go({ palette: view.palette === 'classic' ? 'colourblind' : 'classic' })
      return true
    case 'view':
      current.go({ view: view.view === 'network' ? 'neuron' : 'network' }, true)
      return true
    case 'findings':
      current.go({ view: 'findings' }, true)
      return true
    default:
      return false
  }
}
