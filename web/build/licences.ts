/** Writes licences.txt: the notices of every package whose code is in the built page. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Plugin } from 'vite'

interface Package {
  name: string
  version: string
  license: string
  notice: string
}

function packageOf(module: string): string | undefined {
  const clean = module.replaceAll('\0', '').split('?')[0] ?? ''
  const match = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(clean)
  return match?.[1]
}

function describe(folder: string): Package {
  const about = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Record<string, string>
  const file = readdirSync(folder).find((name) => /^(licen[cs]e|copying)(\.|$)/i.test(name))
  // A few packages ship no licence file; then their own package.json is all there is to quote.
  const notice = file ? readFileSync(path.join(folder, file), 'utf8').trim() : 'No licence file comes with this package.'
  return {
    name: about.name ?? path.basename(folder),
    version: about.version ?? '',
    license: about.license ?? 'see the notice',
    notice,
  }
}

export function licences(fileName = 'licences.txt'): Plugin {
  return {
    name: 'unrolled-licences',
    apply: 'build',
    generateBundle(_options, bundle) {
      const folders = new Set<string>()
      for (const output of Object.values(bundle)) {
        if (output.type !== 'chunk') continue
        for (const module of Object.keys(output.modules)) {
          const folder = packageOf(module)
          if (folder && existsSync(path.join(folder, 'package.json'))) folders.add(folder)
        }
      }
      const packages = [...folders].map(describe).sort((a, b) => a.name.localeCompare(b.name))
      const rule = '-'.repeat(80)
      const parts = packages.map((p) => `${p.name} ${p.version} (${p.license})\n\n${p.notice}\n`)
      const head = 'The page of unrolled carries code of these packages, each under its own licence.\n'
      this.emitFile({ type: 'asset', fileName, source: [head, ...parts].join(`\n${rule}\n\n`) })
    },
  }
}
