/** Receiver: its results, each checked against what all before it told. They are read once, at the first check. */
import { createReleasedSums, type ReleasedSums } from "../../exchange/computations/released-sums.ts";
import type { RecordStore } from "../store/records.ts";
import type { ResultRecord } from "./result-record.ts";

export interface KeptResults {
  /** Everything told so far. */
  told(): Promise<Pick<ReleasedSums, "like">>;
  /** The same but for this one, which is judged again. */
  toldBut(computation: string): Promise<Pick<ReleasedSums, "like">>;
  /** On disk when it resolves; a later word on the same computation takes the place of the one before. */
  keep(result: ResultRecord): Promise<void>;
}

export function createKeptResults(store: Pick<RecordStore<ResultRecord>, "get" | "put" | "entries">): KeptResults {
  let read: Promise<ReleasedSums> | undefined;
  const reading = async () => {
    const sums = createReleasedSums();
    for await (const [, result] of store.entries()) sums.add(sumsOf(result));
    return sums;
  };
  const told = (): Promise<ReleasedSums> => {
    // A reading that failed is tried again.
    read ??= reading().catch((error: unknown) => {
      read = undefined;
      throw error;
    });
    return read;
  };
  return Object.freeze({
    told,
    async toldBut(computation: string) {
      const sums = await told();
      const own = await store.get(computation);
      if (own === undefined) return sums;
      return Object.freeze({
        like(records: Iterable<string>) {
          sums.remove(sumsOf(own));
          const found = sums.like(records);
          sums.add(sumsOf(own));
          return found;
        },
      });
    },
    async keep(result: ResultRecord) {
      const sums = await told();
      const before = await store.get(result.computation);
      await store.put(result.computation, result);
      if (before !== undefined) sums.remove(sumsOf(before));
      sums.add(sumsOf(result));
    },
  });
}

const sumsOf = ({ outcome, codes }: ResultRecord) => ({
  equations: outcome.equations ?? [],
  ...(codes === undefined ? {} : { codes }),
});
