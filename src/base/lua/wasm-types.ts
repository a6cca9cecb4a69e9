/** What of the WebAssembly API is used; Node.js has it, its types come with the DOM's only. */
declare global {
  namespace WebAssembly {
    type Host = (...args: number[]) => number | undefined;
    class Module {
      constructor(bytes: Uint8Array<ArrayBuffer>);
    }
    class Instance {
      constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, Host>>>>);
      readonly exports: Readonly<Record<string, unknown>>;
    }
    class RuntimeError extends Error {}
  }
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** By so many pages of 64 KiB. @throws RangeError beyond the module's own limit */
  grow(pages: number): number;
}

export interface WasmTable {
  get(index: number): WebAssembly.Host | null;
  set(index: number, value: WebAssembly.Host): void;
  grow(count: number): number;
}
