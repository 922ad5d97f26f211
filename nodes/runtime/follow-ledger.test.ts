import { expect, test } from "vitest";
import type { LedgerEntry } from "../../ledger/port.ts";
import { followLedger } from "./follow-ledger.ts";

const entryAt = (position: number) => ({ position }) as LedgerEntry;

/** A ledger of four entries that breaks after each of these positions, and then waits. */
function world(breaks: readonly number[], refuses: readonly number[] = []) {
  const left = [...breaks];
  const refused = [...refuses];
  const from: number[] = [];
  const taken: number[] = [];
  const pauses: number[] = [];
  const errors: number[] = [];
  const failing: boolean[] = [];
  const follower = followLedger({
    ledger: {
      async *follow(begin: number, signal: AbortSignal) {
        from.push(begin);
        for (let position = begin; position < 4; position++) {
          yield entryAt(position);
          if (left[0] !== position) continue;
          left.shift();
          throw new Error("broken");
        }
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    },
    from: 1,
    async take({ position }) {
      if (refused[0] === position) {
        refused.shift();
        throw new Error("refused");
      }
      taken.push(position);
    },
    onError: (_error, position) => errors.push(position),
    async pause(ms) {
      failing.push(follower.isFailing());
      pauses.push(ms);
    },
  });
  return { follower, from, taken, pauses, errors, failing };
}

test("what breaks is begun again where it was, and says so until then", async () => {
  const { follower, from, taken, errors, failing } = world([1, 2]);
  await expect.poll(() => taken).toEqual([1, 2, 3]);
  expect([from, errors, failing]).toEqual([
    [1, 2, 3],
    [2, 3],
    [true, true],
  ]);
  expect(follower.isFailing()).toBe(false);
  await follower.stop();
});

test("an entry that cannot be taken comes again, after longer and longer pauses up to a minute", async () => {
  const { follower, taken, pauses } = world(
    [],
    Array.from({ length: 10 }, () => 2),
  );
  await expect.poll(() => taken).toEqual([1, 2, 3]);
  expect(pauses.slice(0, 4)).toEqual([500, 1_000, 2_000, 4_000]);
  expect(pauses.at(-1)).toBe(60_000);
  expect(pauses).toHaveLength(10);
  await follower.stop();
});
