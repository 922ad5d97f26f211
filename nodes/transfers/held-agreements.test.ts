/** The marks by which a consumer's agreements on one asset are counted. */
import { expect, test } from "vitest";
import { memoryRecords } from "../peer/_memory-records.ts";
import { createHeldAgreements, type HeldMark, MOST_AGREEMENTS } from "./held-agreements.ts";

const HOUR_MS = 60 * 60_000;
const UNTIL = "2027-01-01T00:00:00.000Z";
const OLD = "beta alpha:panel old";

function world() {
  let clock = Date.parse("2026-11-22T09:00:00Z");
  const marks = memoryRecords<HeldMark>();
  const onLedger = new Map<string, object>();
  let gate: Promise<void> = Promise.resolve();
  const held = createHeldAgreements({
    marks,
    ledger: {
      async get(key: string) {
        await gate;
        return onLedger.get(key);
      },
    } as never,
    now: () => new Date(clock).toISOString(),
  });
  return {
    marks,
    held,
    onLedger,
    hold: (agreement: string) => held.hold("beta", "alpha:panel", agreement, UNTIL),
    turn: (ms: number) => {
      clock += ms;
    },
    /** What is asked of the ledger waits until this is called. */
    shut() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
}

test("a consumer has room for so many, and for another one when one is revoked or came to nothing", async () => {
  const { held, hold, onLedger, turn } = world();
  for (let at = 0; at < MOST_AGREEMENTS; at++) expect(await hold(`a-${at}`)).toBe(true);
  expect([await hold("more"), await hold("a-0"), await held.isFull("beta", "alpha:panel")]).toEqual([
    false,
    true,
    true,
  ]);
  expect(await held.hold("gamma", "alpha:panel", "more", UNTIL)).toBe(true);
  for (let at = 1; at < MOST_AGREEMENTS; at++) onLedger.set(`agreement/a-${at}`, { state: "finalized" });
  turn(25 * HOUR_MS);
  expect([await hold("more"), await hold("most")]).toEqual([true, false]);
  onLedger.set("agreement/a-1", { state: "revoked" });
  expect(await hold("most")).toBe(true);
});

test("a mark counts for a day from the latest try on, not from the first one", async () => {
  const { held, marks, hold, turn } = world();
  await hold("old");
  turn(23 * HOUR_MS);
  await hold("old");
  turn(2 * HOUR_MS);
  await held.isFull("beta", "alpha:panel");
  expect(await marks.get(OLD)).toMatchObject({ since: "2026-11-23T08:00:00.000Z" });
  turn(23 * HOUR_MS);
  await held.isFull("beta", "alpha:panel");
  expect(await marks.get(OLD)).toBeUndefined();
});

test("a mark that is held again while others are counted does not vanish with the count", async () => {
  const { held, marks, hold, turn, shut } = world();
  await hold("old");
  turn(25 * HOUR_MS);
  const open = shut();
  const counting = held.isFull("beta", "alpha:panel");
  const holding = hold("old");
  open();
  expect([await counting, await holding]).toEqual([false, true]);
  expect(await marks.get(OLD)).toBeDefined();
});
