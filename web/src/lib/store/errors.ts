/** A problem that the reader can do something about: what went wrong, and a way on. */
export class PageError extends Error {
  constructor(
    message: string,
    readonly hint = '',
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = 'PageError'
  }
}

/** Bytes that are not what was written: a flipped bit, a cut file, a codec that cannot read them. */
export class DamagedError extends PageError {}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

/** Every error as something to show; what we did not foresee keeps its own words. */
export function asPageError(error: unknown): PageError {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PageError) return cause
  }
  const message = error instanceof Error ? error.message : String(error)
  return new PageError(message, 'Reload the page; if it comes back, run `unrolled check` on the trace.')
}
