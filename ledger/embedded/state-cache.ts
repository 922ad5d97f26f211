/**
 * The committed state that is asked for again and again: members, keys, what runs now. Kept as text and, once somebody
 * has asked for it, as a parsed value that nobody can change. It holds what is committed and nothing else: whoever
 * commits says what was written.
 */
import { frozen } from "./frozen.ts";
import type { StateBase } from "./overlay.ts";

export interface StateCache extends StateBase {
  /** The committed value, deeply frozen. */
  value(key: string): Promise<unknown>;
  /** After a commit is in the store. */
  committed(writes: ReadonlyMap<string, string>): void;
}

interface Kept {
  readonly text: string;
  value?: unknown;
}

/** Characters of keys and texts in each of two generations: what nobody asks for while one fills up is forgotten. */
const GENERATION_LENGTH = 512 * 1024;

export function createStateCache(base: StateBase): StateCache {
  let current = new Map<string, Kept>();
  let previous = new Map<string, Kept>();
  let length = 0;
  let commits = 0;

  function keep(key: string, kept: Kept): void {
    if (kept.text.length > GENERATION_LENGTH / 4) return;
    const added = key.length + kept.text.length;
    if (length + added > GENERATION_LENGTH) {
      previous = current;
      current = new Map();
      length = 0;
    }
    current.set(key, kept);
    length += added;
  }

  function known(key: string): Kept | undefined {
    const fresh = current.get(key);
    if (fresh !== undefined) return fresh;
    const older = previous.get(key);
    if (older !== undefined) keep(key, older);
    return older;
  }

  async function read(key: string): Promise<Kept | undefined> {
    const found = known(key);
    if (found !== undefined) return found;
    const asOf = commits;
    const text = await base.get(key);
    if (text === undefined) return undefined;
    const kept: Kept = { text };
    // Read before a commit and handed over after it: it may be what was there before.
    if (asOf === commits) keep(key, kept);
    return kept;
  }

  const parsedOf = (kept: Kept): unknown => {
    kept.value ??= frozen(JSON.parse(kept.text));
    return kept.value;
  };

  return Object.freeze({
    get: async (key: string) => (await read(key))?.text,
    range: base.range,
    parsed(key: string, text: string) {
      const kept = current.get(key);
      return kept?.text === text ? parsedOf(kept) : undefined;
    },
    async value(key: string) {
      const kept = await read(key);
      return kept === undefined ? undefined : parsedOf(kept);
    },
    committed(writes: ReadonlyMap<string, string>) {
      commits += 1;
      for (const [key, text] of writes) {
        const isFresh = current.delete(key);
        const isOlder = previous.delete(key);
        // Most keys are written once, and nobody asks for them.
        if (isFresh || isOlder) keep(key, { text });
      }
    },
  });
}
