/** What is used of it: the runtime's types leave it to those of browsers. */
declare const WebAssembly: {
  readonly Memory: new (limits: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => { readonly buffer: SharedArrayBuffer };
};

/** Of WebAssembly's memory, by its specification. */
const WASM_PAGE_BYTES: number = 64 * 1024;

/**
 * Memory that begins with a page of the machine's, so that a device can take it as it is; `undefined` where the engine gives none
 * (`--jitless`, or a limit on address space: 8 GB of addresses are set aside, no memory).
 *
 * Only WebAssembly's is mapped by pages; what `ArrayBuffer` is comes from the allocator, 16 bytes behind one. That is how the engine
 * does it, not a promise: whoever needs it tries it.
 */
export function alignedMemory(bytes: number): SharedArrayBuffer | undefined {
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer;
  } catch {
    return undefined;
  }
}
