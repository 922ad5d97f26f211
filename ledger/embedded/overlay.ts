/** Contract state with uncommitted writes on top of the committed ones. */
import type { StateStore } from "../../chaincode/rules/host.ts";

export interface StateBase {
  /** JSON text. */
  get(key: string): Promise<string | undefined>;
  range(prefix: string): AsyncIterable<readonly [key: string, text: string]>;
}

export interface Overlay extends StateStore {
  /** Uncommitted values as JSON text. */
  readonly writes: ReadonlyMap<string, string>;
  /** What is committed under a key; read once. */
  before(key: string): Promise<string | undefined>;
}

export function createOverlay(base: StateBase): Overlay {
  const writes = new Map<string, string>();
  const known = new Map<string, string | undefined>();
  async function before(key: string): Promise<string | undefined> {
    if (known.has(key)) return known.get(key);
    const text = await base.get(key);
    known.set(key, text);
    return text;
  }
  return Object.freeze({
    writes,
    before,
    async get(key: string) {
      const text = writes.get(key) ?? (await before(key));
      return text === undefined ? undefined : JSON.parse(text);
    },
    // Kept as text: nobody can change a stored value through a reference, and every read sees what JSON carries.
    async put(key: string, value: unknown) {
      writes.set(key, JSON.stringify(value));
    },
    async *range(prefix: string) {
      const pending = [...writes].filter(([key]) => key.startsWith(prefix)).sort(byKey);
      let next = 0;
      for await (const [key, text] of base.range(prefix)) {
        while (next < pending.length && pending[next]![0] < key) yield parsed(pending[next++]!);
        if (pending[next]?.[0] === key) yield parsed(pending[next++]!);
        else yield parsed([key, text]);
      }
      while (next < pending.length) yield parsed(pending[next++]!);
    },
  });
}

const parsed = ([key, text]: readonly [string, string]) => [key, JSON.parse(text) as unknown] as const;
const byKey = ([a]: readonly [string, string], [b]: readonly [string, string]) => (a < b ? -1 : 1);
