/** A neuron switched off over what is on the screen: what the server said of it, and what that paints. */
import { ablate, type Ablation, type Asked, changesOf } from './ablation'
import { scaleFor, type PaletteName, type Scale } from './colour/scales'
import type { Ink } from './grid/grid'
import { current } from './link/current.svelte'
import type { Session } from './session'
import { isAbort } from './store/errors'
import { columnFrom } from './store/column'
import type { SignalInfo } from './store/format'

/** The change of a loss is a number of its own: of either sign, without bounds. */
const CHANGE: SignalInfo = { name: 'change', symbol: 'Δ', role: 'state', range: [null, null], article: '', neurons: 1 }

export class Trial {
  answer = $state.raw<Ablation>()
  error = $state.raw<unknown>()
  running = $state(false)
  private controller = new AbortController()

  async run(session: Session, asked: Asked): Promise<void> {
    this.controller.abort()
    const controller = (this.controller = new AbortController())
    this.running = true
    this.error = undefined
    try {
      this.answer = await ablate(session, asked, controller.signal)
    } catch (error) {
      if (!isAbort(error)) this.error = error
    } finally {
      if (this.controller === controller) this.running = false
    }
  }

  /** Another neuron, another trial. */
  clear(): void {
    this.controller.abort()
    this.answer = this.error = undefined
    this.running = false
  }

  readonly ink: Ink | undefined = $derived.by(() =>
    this.answer && current.view.tool === 'ablate' ? inkOfChange(this.answer, current.view.palette) : undefined,
  )
}

function inkOfChange(answer: Ablation, palette: PaletteName): Ink {
  const changes = changesOf(answer)
  return {
    column: columnFrom(changes, answer.span[0]),
    scale: scaleOfChange(changes, palette),
    id: `loss without ${answer.held}, ${answer.span.join(' to ')}`,
  }
}

/** Up to the largest change there is. */
function scaleOfChange(changes: Float64Array, palette: PaletteName): Scale {
  const largest = changes.reduce((most, change) => (Number.isNaN(change) ? most : Math.max(most, Math.abs(change))), 0)
  return scaleFor(CHANGE, palette, 'own', largest)
}
