/**
 * Documents and dossiers come before their opening is on this node's replica, so any member can send some that nobody
 * will ever open. Each author has so much room for them and no more: its oldest give way, and what is not opened
 * within a day is erased. From the opening on they are kept with the computation.
 */
import { ComputationError } from "../../exchange/computations/errors.ts";
import type { RecordStore } from "../store/records.ts";
import { createKeyedLock } from "./keyed-lock.ts";

export const UNOPENED = Object.freeze({
  /** Per author, documents and dossiers together. */
  count: 64,
  bytes: 64 * 1024 * 1024,
  keptMs: 24 * 60 * 60 * 1000,
});

export type UnopenedKind = "documents" | "dossier";

/** What waits for its opening; by `<author>/<kind>/<computation>`. */
export interface Waiting {
  readonly author: string;
  readonly kind: UnopenedKind;
  readonly computation: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface Unopened {
  /** Stores the value under `<computation>/<author>`. Throws ERR_COMPUTATION_SIZE when it alone is over the bound. */
  keep(kind: UnopenedKind, author: string, computation: string, value: object): Promise<void>;
  /** Erases what waited too long, and what was opened by somebody else. */
  sweep(): Promise<void>;
}

export function createUnopened(deps: {
  readonly waiting: RecordStore<Waiting>;
  readonly stores: { readonly [K in UnopenedKind]: Pick<RecordStore<never>, "put" | "delete"> };
  /** Who opened it, by the ledger; undefined while nobody has. */
  readonly openedBy: (computation: string) => Promise<string | undefined>;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly bounds?: Readonly<Record<keyof typeof UNOPENED, number>>;
}): Unopened {
  const { waiting, stores, openedBy, clock, bounds = UNOPENED } = deps;
  const oneAtATime = createKeyedLock();

  const keyOf = ({ author, kind, computation }: Waiting) => `${author}/${kind}/${computation}`;

  async function erase(one: Waiting): Promise<void> {
    await stores[one.kind].delete(`${one.computation}/${one.author}`);
    await waiting.delete(keyOf(one));
  }

  /** Still waiting, oldest first; what has been opened meanwhile is settled. */
  async function unsettled(author: string): Promise<readonly Waiting[]> {
    const found: Waiting[] = [];
    for await (const [key, one] of waiting.entries(author === "" ? "" : `${author}/`)) {
      const opener = await openedBy(one.computation);
      if (opener === undefined) found.push(one);
      else if (opener === one.author) await waiting.delete(key);
      else await erase(one);
    }
    return found.sort((a, b) => a.at - b.at);
  }

  return Object.freeze({
    keep: (kind: UnopenedKind, author: string, computation: string, value: object) =>
      oneAtATime(author, async () => {
        const bytes = Buffer.byteLength(JSON.stringify(value));
        if (bytes > bounds.bytes) {
          throw new ComputationError(
            "ERR_COMPUTATION_SIZE",
            `${kind}: ${bytes} bytes, at most ${bounds.bytes} allowed`,
          );
        }
        const own: Waiting = { author, kind, computation, bytes, at: clock() };
        const others = (await unsettled(author)).filter((one) => keyOf(one) !== keyOf(own));
        let [count, total] = [others.length + 1, others.reduce((sum, one) => sum + one.bytes, bytes)];
        for (const one of others) {
          if (count <= bounds.count && total <= bounds.bytes) break;
          await erase(one);
          count -= 1;
          total -= one.bytes;
        }
        if ((await openedBy(computation)) === undefined) await waiting.put(keyOf(own), own);
        await stores[kind].put(`${computation}/${author}`, value as never);
      }),
    async sweep() {
      for (const one of await unsettled("")) if (clock() - one.at > bounds.keptMs) await erase(one);
    },
  });
}
