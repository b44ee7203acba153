/** Something that is searched for when the reader says so: one search at a time, given up with what asked for it. */

export class Asking<T> {
  answer = $state.raw<T>()
  error = $state.raw<unknown>()
  running = $state(false)
  private controller = new AbortController()

  constructor() {
    $effect(() => () => this.controller.abort())
  }

  /** Takes the place of a search that is still running. */
  async run(search: (abort: AbortSignal) => Promise<T>): Promise<void> {
    this.controller.abort()
    const { signal } = (this.controller = new AbortController())
    this.running = true
    this.error = undefined
    try {
      const answer = await search(signal)
      if (!signal.aborted) this.answer = answer
    } catch (error) {
      if (signal.aborted) return
      this.error = error
      this.answer = undefined
    } finally {
      if (!signal.aborted) this.running = false
    }
  }

  clear(): void {
    this.controller.abort()
    this.answer = this.error = undefined
    this.running = false
  }
}
