/** Stands in for zarrita's WebAssembly decoders, which no trace needs. */
export default {
  fromConfig(): never {
    throw new Error('This array is packed in a way that traces do not use.')
  },
}
