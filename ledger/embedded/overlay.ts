/** Contract state with uncommitted writes on top of the committed ones, or of others that are not committed either. */
import type { StateStore } from "../../chaincode/rules/host.ts";
import { frozen } from "./frozen.ts";

export interface StateBase {
  /** JSON text. */
  get(key: string): Promise<string | undefined>;
  range(prefix: string): AsyncIterable<readonly [key: string, text: string]>;
  /** The frozen value of a text that is kept under the key; undefined where none or another one is. */
  parsed?(key: string, text: string): unknown;
}

export interface Overlay extends StateStore {
  /** Uncommitted values as JSON text. */
  readonly writes: ReadonlyMap<string, string>;
  /** What is committed under a key; read once. */
  before(key: string): Promise<string | undefined>;
}

interface Committed {
  readonly text: string | undefined;
  value?: unknown;
}

/** The state with `writes` over it, for as long as they are pending. */
export function stacked(base: StateBase, pending: () => ReadonlyMap<string, string> | undefined): StateBase {
  return Object.freeze({
    get: async (key: string) => pending()?.get(key) ?? base.get(key),
    range: (prefix: string) => merged(pending() ?? NOTHING, base, prefix),
    parsed: (key: string, text: string) => base.parsed?.(key, text),
  });
}

const NOTHING: ReadonlyMap<string, string> = new Map();

/** Ascending by key; `writes` as they stand when it is asked for. */
async function* merged(writes: ReadonlyMap<string, string>, base: StateBase, prefix: string) {
  const pending = [...writes].filter(([key]) => key.startsWith(prefix)).sort(byKey);
  let next = 0;
  for await (const entry of base.range(prefix)) {
    while (next < pending.length && pending[next]![0] < entry[0]) yield pending[next++]!;
    yield pending[next]?.[0] === entry[0] ? pending[next++]! : entry;
  }
  while (next < pending.length) yield pending[next++]!;
}

export function createOverlay(base: StateBase): Overlay {
  const writes = new Map<string, string>();
  // Members, keys and the network are read for every record: their values are parsed once and frozen.
  const committed = new Map<string, Committed>();
  const written = new Map<string, { readonly text: string; readonly value: unknown }>();
  async function read(key: string): Promise<Committed> {
    const known = committed.get(key);
    if (known !== undefined) return known;
    const fresh: Committed = { text: await base.get(key) };
    committed.set(key, fresh);
    return fresh;
  }
  function parsedOnce(key: string, text: string): unknown {
    const parsed = written.get(key);
    if (parsed?.text === text) return parsed.value;
    const value = frozen(JSON.parse(text));
    written.set(key, { text, value });
    return value;
  }
  return Object.freeze({
    writes,
    before: async (key: string) => (await read(key)).text,
    async get(key: string) {
      const text = writes.get(key);
      if (text !== undefined) return parsedOnce(key, text);
      const known = committed.get(key) ?? (await read(key));
      if (known.text === undefined) return undefined;
      known.value ??= base.parsed?.(key, known.text) ?? frozen(JSON.parse(known.text));
      return known.value;
    },
    // Kept as text: nobody can change a stored value through a reference, and every read sees what JSON carries.
    async put(key: string, value: unknown) {
      writes.set(key, JSON.stringify(value));
    },
    async *range(prefix: string) {
      for await (const [key, text] of merged(writes, base, prefix)) yield [key, JSON.parse(text) as unknown] as const;
    },
  });
}

const byKey = ([a]: readonly [string, string], [b]: readonly [string, string]) => (a < b ? -1 : 1);
