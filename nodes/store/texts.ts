/** Texts and bytes by key in the order of their keys, changed in batches: for an index that leads to documents. */
import type { Database } from "./database.ts";
import { guardedWrites } from "./records.ts";

export interface TextStore {
  /** Needs `opened`. */
  get(key: string): string | undefined;
  /** Needs `opened`. */
  bytes(key: string): Uint8Array | undefined;
  opened(): Promise<void>;
  /** Ascending, or descending with `reverse`. Keys are ASCII. */
  keys(range: TextRange): Promise<readonly string[]>;
  /** All of them or none. `value` undefined: gone. */
  write(changes: readonly TextChange[]): Promise<void>;
  clear(): Promise<void>;
}

export interface TextRange {
  readonly gte?: string;
  readonly gt?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse?: boolean;
  readonly limit: number;
}

export interface TextChange {
  readonly key: string;
  readonly value: string | Uint8Array | undefined;
}

const AS_BYTES = { valueEncoding: "view" } as const;

/** `name` as in openRecords. Writes are on disk with the next one of an `always` store: see Kept. */
export function openTexts(database: Database, name: string, onFailure: (error: unknown) => void): TextStore {
  const level = database.sublevel<string, string>(name, { valueEncoding: "utf8" });
  const write = guardedWrites(database, onFailure);
  return Object.freeze({
    get: (key: string) => level.getSync(key),
    bytes: (key: string) => level.getSync<string, Uint8Array>(key, AS_BYTES),
    opened: () => level.open(),
    keys: (range: TextRange) => level.keys({ ...range }).all(),
    write: (changes: readonly TextChange[]) =>
      write(() =>
        level.batch(
          changes.map(({ key, value }) => {
            if (value === undefined) return { type: "del" as const, key };
            const put = { type: "put" as const, key };
            return typeof value === "string" ? { ...put, value } : { ...put, value: value as never, ...AS_BYTES };
          }),
        ),
      ),
    clear: () => write(() => level.clear()),
  });
}
