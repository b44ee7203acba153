/** Tells once when an element comes near the screen, so that what is never looked at is never fetched. */
import type { Attachment } from 'svelte/attachments'

export function whenSeen(tell: () => void): Attachment {
  return (element) => {
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return
        observer.disconnect()
        tell()
      },
      { rootMargin: '200px' },
    )
    observer.observe(element)
    return () => observer.disconnect()
  }
}
