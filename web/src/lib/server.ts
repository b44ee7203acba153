/** Searches that need the server: JSON there and back. A site of files alone has none of them. */
import { searchesHere } from './exhibits'
import { PageError } from './store/errors'
import { refusal } from './store/http'

export type Search = 'match' | 'ablate' | 'evidence' | 'find' | 'hypotheses'

/** Whether the page's server does such a search. */
export async function canSearch(search: Search): Promise<boolean> {
  return (await searchesHere()).includes(search)
}

export async function ask<Answer>(search: Search, body: object, signal?: AbortSignal): Promise<Answer> {
  const address = `api/${search}`
  let response: Response
  try {
    response = await fetch(address, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal: signal ?? null,
    })
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new PageError('The server cannot be reached.', 'Is `unrolled explore` still running? Then reload.', { cause })
  }
  if (!response.ok) throw await refusal(address, response)
  return (await response.json()) as Answer
}
