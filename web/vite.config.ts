import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'
import { licences } from './build/licences.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  base: './', // every address is relative: the page works below any path
  plugins: [svelte(), licences()],
  resolve: {
    // zarrita can load WebAssembly decoders on demand; traces need none of them, and the page's policy forbids them.
    alias: [{ find: /^numcodecs\/.*$/, replacement: here('./src/lib/store/no-wasm.ts') }],
  },
  build: {
    outDir: '../src/unrolled/explorer/static',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // a data: address would need an exception in the policy
    modulePreload: { polyfill: false },
  },
  server: { fs: { allow: ['..'] } }, // the colours lie with the Python package, which has them too
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
})
