import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { table } from '../build/ramps'

test('the shared colours are those of d3-scale-chromatic', async () => {
  await expect(table()).toMatchFileSnapshot(fileURLToPath(new URL('../../src/unrolled/colours.json', import.meta.url)))
})
