/**
 * Writes of a database in the order in which they were asked for, as few batches as the disk makes of them: what is
 * asked for while one is written goes into the next one together, under one fsync. Nothing waits for others to come.
 */
import type { Database } from "./database.ts";

export type GroupWrite = (change: Change, isSynced: boolean) => Promise<void>;

/** `text` undefined: gone. */
export interface Change {
  /** A sublevel of the database, with keys and values of any kind. */
  readonly sublevel: object;
  readonly key: string;
  readonly text: string | undefined;
}

interface Waiting {
  readonly change: Change;
  readonly isSynced: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** More go into the next batch: one must not hold all memory twice. */
const LONGEST_BATCH = 512;

export function createGroupWrite(database: Database): GroupWrite {
  let waiting: Waiting[] = [];
  let isWriting = false;

  async function drain(): Promise<void> {
    isWriting = true;
    while (waiting.length > 0) {
      const some = waiting.slice(0, LONGEST_BATCH);
      waiting = waiting.slice(LONGEST_BATCH);
      try {
        await database.batch(
          some.map(({ change }) => operationOf(change)),
          {
            sync: some.some(({ isSynced }) => isSynced),
          } as object,
        );
        for (const { resolve } of some) resolve();
      } catch (error) {
        for (const { reject } of some) reject(error);
      }
    }
    isWriting = false;
  }

  return (change, isSynced) =>
    new Promise((resolve, reject) => {
      waiting.push({ change, isSynced, resolve, reject });
      if (!isWriting) void drain();
    });
}

function operationOf({ sublevel, key, text }: Change) {
  const place = { sublevel: sublevel as ReturnType<Database["sublevel"]>, key };
  return text === undefined
    ? { type: "del" as const, ...place }
    : { type: "put" as const, ...place, value: text, valueEncoding: "utf8" };
}
