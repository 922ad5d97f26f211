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
  // Members, keys and the network are read for every record: their values are parsed once and frozen.
  const values = new Map<string, { readonly text: string; readonly value: unknown }>();
  async function before(key: string): Promise<string | undefined> {
    if (known.has(key)) return known.get(key);
    const text = await base.get(key);
    known.set(key, text);
    return text;
  }
  function parsedOnce(key: string, text: string): unknown {
    const parsed = values.get(key);
    if (parsed?.text === text) return parsed.value;
    const value = frozen(JSON.parse(text));
    values.set(key, { text, value });
    return value;
  }
  return Object.freeze({
    writes,
    before,
    async get(key: string) {
      const text = writes.get(key) ?? (await before(key));
      return text === undefined ? undefined : parsedOnce(key, text);
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

function frozen(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  for (const item of Object.values(value)) frozen(item);
  return Object.freeze(value);
}

const parsed = ([key, text]: readonly [string, string]) => [key, JSON.parse(text) as unknown] as const;
const byKey = ([a]: readonly [string, string], [b]: readonly [string, string]) => (a < b ? -1 : 1);
