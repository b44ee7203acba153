/**
 * An order of neurons in which those that behave alike stand together: the angle of each neuron in the plane of the two
 * leading eigenvectors of their correlation matrix (Friendly 2002, "Corrgrams"), cut where two neighbours lie furthest apart.
 */

/** `rows`: values of each neuron over the same steps. Neurons that never change come last, in their own order. */
export function likenessOrder(rows: readonly Float32Array[]): number[] {
  const scaled: Float64Array[] = []
  const moving: number[] = []
  rows.forEach((row, index) => {
    const z = standardize(row)
    if (z) {
      scaled.push(z)
      moving.push(index)
    }
  })
  const still = rows.map((_, index) => index).filter((index) => !moving.includes(index))
  if (moving.length < 3) return [...moving, ...still]
  const first = leading(scaled)
  const second = leading(scaled, first)
  const angles = moving.map((neuron, i) => ({ neuron, angle: Math.atan2(second[i]!, first[i]!) }))
  angles.sort((a, b) => a.angle - b.angle || a.neuron - b.neuron)
  const cut = widestGap(angles.map(({ angle }) => angle))
  return [...angles.slice(cut), ...angles.slice(0, cut)].map(({ neuron }) => neuron).concat(still)
}

function standardize(row: Float32Array): Float64Array | undefined {
  const values = Float64Array.from(row, (value) => (Number.isFinite(value) ? value : 0))
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  let norm = 0
  for (let i = 0; i < values.length; i++) norm += (values[i]! -= mean) ** 2
  if (norm < 1e-20) return undefined
  return values.map((value) => value / Math.sqrt(norm))
}

/** Power iteration on Z·Zᵀ, which is never built; `without` is kept out of the result. */
function leading(z: Float64Array[], without?: Float64Array): Float64Array {
  let vector = Float64Array.from(z, (_, i) => 1 + ((i * 7919) % 101) / 101) // any fixed start that no symmetry undoes
  for (let round = 0; round < 60; round++) {
    const next = apply(z, vector)
    if (without) remove(next, without)
    const norm = Math.sqrt(next.reduce((sum, value) => sum + value * value, 0))
    if (norm < 1e-12) return next
    const after = next.map((value) => value / norm)
    const moved = after.reduce((most, value, i) => Math.max(most, Math.abs(value - vector[i]!)), 0)
    vector = after
    if (moved < 1e-6) break
  }
  return vector
}

function apply(z: Float64Array[], vector: Float64Array): Float64Array {
  const sum = new Float64Array(z[0]!.length)
  z.forEach((row, i) => {
    for (let t = 0; t < row.length; t++) sum[t]! += row[t]! * vector[i]!
  })
  return Float64Array.from(z, (row) => row.reduce((total, value, t) => total + value * sum[t]!, 0))
}

function remove(vector: Float64Array, direction: Float64Array): void {
  const along = vector.reduce((sum, value, i) => sum + value * direction[i]!, 0)
  for (let i = 0; i < vector.length; i++) vector[i]! -= along * direction[i]!
}

/** Where a sorted circle of angles has its widest gap: the index that comes after it. */
function widestGap(angles: number[]): number {
  let best = 0
  let widest = angles[0]! + 2 * Math.PI - angles.at(-1)!
  for (let i = 1; i < angles.length; i++) {
    const gap = angles[i]! - angles[i - 1]!
    if (gap > widest) {
      widest = gap
      best = i
    }
  }
  return best
}
