/** The view that the address names now. Reading `current.view` follows it; `go` changes it and the address together. */
import { untrack } from 'svelte'
import { habits, HOME, parse, type View, write } from './link'

class Current {
  private readonly first = parse(location.hash)
  view = $state<View>(this.first.view)
  /** What the address says that was not understood. */
  misread = $state.raw(this.first.misread)
  /** Counts the times that the address itself changed the view (Back, a link): then the text moves to where it says. */
  arrivals = $state(0)

  constructor() {
    addEventListener('hashchange', () => this.follow())
    addEventListener('popstate', () => this.follow())
  }

  private follow(): void {
    const { view: next, misread } = parse(location.hash)
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
      if (entry) history.pushState(null, '', hash)
      else this.replaceSoon()
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
      history.replaceState(null, '', write(this.view))
    }, 250)
  }
}

export const current = new Current()
