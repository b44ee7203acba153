/** The view that the address names now. Reading `current.view` follows it; `go` changes it and the address together. */
import { untrack } from 'svelte'
import { habits, HOME, parse, type View, write } from './link'

class Current {
  /** The address as it was last read or written here. */
  private address = location.hash
  private readonly first = parse(this.address)
  view = $state<View>(this.first.view)
  /** What the address says that was not understood. */
  misread = $state.raw(this.first.misread)
  /** Counts the times that the address itself changed the view (Back, a link): then the text moves to where it says. */
  arrivals = $state(0)

  constructor() {
    addEventListener('hashchange', () => this.follow())
    addEventListener('popstate', () => this.follow())
  }

  /** Browsers tell of one change twice: what the second time finds is no news, or was written here meanwhile. */
  private follow(): void {
    if (location.hash === this.address) return
    this.address = location.hash
    const { view: next, misread } = parse(this.address)
    this.misread = misread
    if (write(next) === write(this.view)) return
    Object.assign(this.view, next)
    this.arrivals++
  }

  /** `entry`: whether Back should come back to what is shown now. Walking and scrolling leave no entries. */
  go(change: Partial<View>, entry = false): void {
    untrack(() => {
      Object.assign(this.view, change)
      const hash = write(this.view)
      if (hash === location.hash) return
      if (!entry) return this.replaceSoon()
      history.pushState(null, '', hash)
      this.address = location.hash
    })
  }

  /** A link to another trace or view, with the reader's habits kept. */
  link(change: Partial<View>): string {
    return write({ ...HOME, ...habits(this.view), ...change })
  }

  private waiting = false

  /** Browsers refuse hundreds of address changes a second, as scrolling would make: one a moment is enough. */
  private replaceSoon(): void {
    if (this.waiting) return
    this.waiting = true
    setTimeout(() => {
      this.waiting = false
      if (location.hash !== this.address) return // the reader has gone elsewhere: `follow` is about to be told
      history.replaceState(null, '', write(this.view))
      this.address = location.hash
    }, 250)
  }
}

export const current = new Current()
