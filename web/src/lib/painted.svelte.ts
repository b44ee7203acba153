/** A canvas that is drawn again whenever what it shows, its size or the theme changes. */
import { untrack } from 'svelte'
import type { Attachment } from 'svelte/attachments'
import { theme } from './theme.svelte'

export type Draw = (context: CanvasRenderingContext2D, width: number, height: number) => void

/** `draw` works in CSS pixels, on a cleared canvas. */
export function painted(draw: Draw): Attachment<HTMLCanvasElement> {
  return (canvas) => {
    const paint = () => {
      const ratio = devicePixelRatio || 1
      const { clientWidth: width, clientHeight: height } = canvas
      if (!width || !height) return
      canvas.width = Math.round(width * ratio)
      canvas.height = Math.round(height * ratio)
      const context = canvas.getContext('2d')!
      context.scale(ratio, ratio)
      draw(context, width, height)
    }
    void theme.now
    paint()
    const watch = new ResizeObserver(() => untrack(paint))
    watch.observe(canvas)
    return () => watch.disconnect()
  }
}
