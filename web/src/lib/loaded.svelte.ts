/** Something read from the trace that follows what it depends on; the last reading stays until the next is there. */
import { isAbort } from './store/errors'

export class Loaded<T> {
  value = $state.raw<T>()
  error = $state.raw<unknown>()

  /** `start` is called in an effect; what it reads before its first await is followed. It may return nothing to wait. */
  constructor(start: (abort: AbortSignal) => Promise<T> | undefined) {
    $effect(() => {
      const controller = new AbortController()
      start(controller.signal)?.then(
        (value) => {
          if (controller.signal.aborted) return
          this.value = value
          this.error = undefined
        },
        (error: unknown) => {
          if (!controller.signal.aborted && !isAbort(error)) this.error = error
        },
      )
      return () => controller.abort()
    })
  }
}
