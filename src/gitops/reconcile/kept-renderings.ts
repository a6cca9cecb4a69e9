import type { RenderedSource } from "../render/render.ts";

export interface Rendering extends RenderedSource {
  /** Of the text that the manifests were read from. */
  readonly bytes: number;
}

export interface KeptRenderings {
  get(key: string): Rendering | undefined;
  set(key: string, rendering: Rendering): void;
}

/** Those that were used last, so many and of so many bytes. */
export function createKeptRenderings({
  maxKept,
  maxBytes,
}: {
  readonly maxKept: number;
  readonly maxBytes: number;
}): KeptRenderings {
  const byKey = new Map<string, Rendering>();
  let bytes = 0;

  function remove(key: string): Rendering | undefined {
    const found = byKey.get(key);
    if (found === undefined) return undefined;
    byKey.delete(key);
    bytes -= found.bytes;
    return found;
  }

  function set(key: string, rendering: Rendering): void {
    remove(key);
    byKey.set(key, rendering);
    bytes += rendering.bytes;
    for (const oldest of byKey.keys()) {
      if (byKey.size <= maxKept && bytes <= maxBytes) return;
      remove(oldest);
    }
  }

  return {
    get(key: string): Rendering | undefined {
      const found = remove(key);
      if (found !== undefined) set(key, found);
      return found;
    },
    set,
  };
}
