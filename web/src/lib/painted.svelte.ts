/** A canvas that is drawn again whenever what it shows, its size or the theme changes. */
import type { Attachment } from 'svelte/attachments'
import { theme } from './theme.svelte'

export type Draw = (context: CanvasRenderingContext2D, width: number, height: number) => void

/** `draw` works in CSS pixels, on a cleared canvas. */
export function painted(draw: Draw): Attachment<HTMLCanvasElement> {
  return (canvas) => {
    let width = $state(0)
    let height = $state(0)
    const watch = new ResizeObserver(() => {
      width = canvas.clientWidth
      height = canvas.clientHeight
    })
    watch.observe(canvas)
    $effect(() => {
      void theme.now
      if (!width || !height) return
      const ratio = devicePixelRatio || 1
      canvas.width = Math.round(width * ratio)
      canvas.height = Math.round(height * ratio)
      const context = canvas.getContext('2d')!
      context.scale(ratio, ratio)
      draw(context, width, height)
    })
    return () => watch.disconnect()
  }
}
