/** Who stored what the chosen neuron holds at the selected step: read while it is asked for, and what it paints. */
import type { Ink } from './grid/grid'
import { type History, historyOf, readHistory } from './history'
import { inkOfHistory } from './ink'
import { current } from './link/current.svelte'
import { Loaded } from './loaded.svelte'
import type { Found, Session } from './session'

export interface Asked {
  session: Session
  place: Found
  step: number
  /** Whether it may fetch now. */
  ready: boolean
}

export class Telling {
  private readonly loaded: Loaded<{ history: History; place: Found }>

  constructor(private readonly asked: () => Asked) {
    this.loaded = new Loaded((abort) => {
      const { session, place, step, ready } = asked()
      if (current.view.tool !== 'history' || !ready || this.lack) return undefined
      return readHistory(session.trace, session.symbols, place, step, abort).then((history) => ({ history, place }))
    })
  }

  /** Why there is no history to tell; empty where there is one. */
  readonly lack: string = $derived.by(() => {
    const { site, signal } = this.asked().place
    const told = historyOf(site, signal.neurons)
    return 'lack' in told ? told.lack : ''
  })

  /** The last that was read of this neuron. */
  readonly history = $derived.by(() => {
    const { value } = this.loaded
    return value?.place === this.asked().place ? value.history : undefined
  })

  /** Nothing where it is not asked for, or not read yet. */
  readonly ink: Ink | undefined = $derived.by(() => {
    const { history, lack } = this
    return current.view.tool === 'history' && history && !lack
      ? inkOfHistory(history, this.asked().place, current.view.palette)
      : undefined
  })

  get error(): unknown {
    return this.loaded.error
  }
}
