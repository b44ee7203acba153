/** A neuron switched off over what is on the screen: what the server said of it, and what that paints. */
import { type Ablation, changesOf } from './ablation'
import { Asking } from './asking.svelte'
import { scaleFor, type PaletteName, type Scale } from './colour/scales'
import type { Ink } from './grid/grid'
import { current } from './link/current.svelte'
import { columnFrom } from './store/column'
import type { SignalInfo } from './store/format'

/** The change of a loss is a number of its own: of either sign, without bounds. */
const CHANGE: SignalInfo = { name: 'change', symbol: 'Δ', role: 'state', range: [null, null], article: '', neurons: 1 }

export class Trial {
  readonly asking = new Asking<Ablation>()

  readonly ink: Ink | undefined = $derived.by(() =>
    this.asking.answer && current.view.tool === 'ablate' ? inkOfChange(this.asking.answer, current.view.palette) : undefined,
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
