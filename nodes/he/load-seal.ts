/** The library with a heap that may not outgrow a limit: its own is 4 GiB, whatever a worker's resource limits say. */
import { readFile } from "node:fs/promises";
import initialize from "node-seal";
import type { Seal } from "../../crypto/he/blobs.ts";

const PAGE_BYTES = 65_536;

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
interface Instance {
  readonly exports: Readonly<Record<string, unknown>>;
}
/** As far as it is used here: it is the browser's, and Node's types have none of it. */
declare const WebAssembly: {
  readonly Memory: new () => Memory;
  readonly Instance: new (module: object, imports: object) => Instance;
  compile(bytes: Uint8Array): Promise<object>;
};

/** Compiled once, and then handed to workers, which make instances of their own of it. */
export async function compileSeal(): Promise<object> {
  return await WebAssembly.compile(await readFile(new URL("seal_throws.wasm", import.meta.resolve("node-seal"))));
}

export interface StartedSeal {
  readonly seal: Seal;
  readonly heapBytes: () => number;
}

/**
 * Allocation beyond `maximumHeapBytes` fails inside the library, which may then hang in whatever is called next (it gives
 * memory back under locks that nobody has opened): end its worker.
 */
export async function startSeal(module: object, maximumHeapBytes: number): Promise<StartedSeal> {
  let heap: Memory | undefined;
  const seal = await initialize({
    instantiateWasm(imports: object, done: (instance: Instance) => void) {
      const instance = new WebAssembly.Instance(module, imports);
      const memory = Object.values(instance.exports).find((value) => value instanceof WebAssembly.Memory);
      if (memory === undefined) throw new TypeError("node-seal: its module exports no memory");
      limit(memory, maximumHeapBytes);
      heap = memory;
      done(instance);
      return instance.exports;
    },
  });
  return { seal, heapBytes: () => heap!.buffer.byteLength };
}

function limit(memory: Memory, maximumBytes: number): void {
  const grow = memory.grow.bind(memory);
  memory.grow = (pages: number) => {
    if (memory.buffer.byteLength + pages * PAGE_BYTES > maximumBytes) throw new RangeError("heap limit");
    return grow(pages);
  };
}
