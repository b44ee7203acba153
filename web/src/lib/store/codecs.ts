/** The two codecs that traces use: crc32c that verifies (zarrita's only cuts the sum off) and zstd without WebAssembly. */
import { decompress } from 'fzstd'
import { registry } from 'zarrita'
import { crc32c } from './crc32c'
import { DamagedError } from './errors'

const HINT = 'Copy or record the trace again; `unrolled check` names every damaged place.'

/** Cuts the four bytes of the sum off and verifies them. */
export function verify(bytes: Uint8Array): Uint8Array {
  const end = bytes.byteLength - 4
  if (end < 0) throw new DamagedError('A chunk is too short to hold its checksum.', HINT)
  const stored = new DataView(bytes.buffer, bytes.byteOffset + end, 4).getUint32(0, true)
  const body = bytes.subarray(0, end)
  if (crc32c(body) !== stored) throw new DamagedError('The data are damaged here: a checksum does not match.', HINT)
  return body
}

const verifying = {
  kind: 'bytes_to_bytes' as const,
  encode: () => {
    throw new Error('the page never writes')
  },
  decode: verify,
  computeEncodedSize: (size: number) => size + 4,
}

const zstd = {
  kind: 'bytes_to_bytes' as const,
  encode: () => {
    throw new Error('the page never writes')
  },
  decode(bytes: Uint8Array): Uint8Array {
    try {
      return decompress(bytes)
    } catch (cause) {
      throw new DamagedError('The data are damaged here: they cannot be unpacked.', HINT, { cause })
    }
  },
}

let done = false

export function registerCodecs(): void {
  if (done) return
  registry.set('crc32c', () => ({ fromConfig: () => verifying }) as never)
  registry.set('zstd', () => ({ fromConfig: () => zstd }) as never)
  done = true
}
