import { expect, test } from "vitest";
import type { LedgerEntry } from "../../ledger/port.ts";
import { createPolicyActivations } from "./policy-activations.ts";

/** Every fourth record activates the next policy of an asset. */
function ledgerOf(size: number) {
  const entries: LedgerEntry[] = [];
  const read = { records: 0 };
  const grow = (to: number) => {
    for (let position = entries.length; position < to; position++) {
      const activates = position % 4 === 3;
      const statement = activates
        ? { type: "policy.activate", body: { asset: "ibm:accounts", version: (position + 1) / 4 + 1 } }
        : { type: "request.submit", body: {} };
      entries.push({ position, time: "", transaction: { statement } } as unknown as LedgerEntry);
    }
  };
  grow(size);
  return {
    read,
    grow,
    async *entries(from: number, limit = entries.length) {
      for (const entry of entries.slice(from, from + limit)) {
        read.records += 1;
        yield entry;
      }
    },
  };
}

test("each record of the ledger is looked at once, however often is asked", async () => {
  const ledger = ledgerOf(100);
  const activations = createPolicyActivations(ledger);
  for (let round = 0; round < 50; round++) {
    expect(await activations.of("ibm:accounts", 2, 100)).toBe(3);
    expect(await activations.of("ibm:accounts", 26, 100)).toBe(99);
  }
  expect(ledger.read.records).toBe(100);
  ledger.grow(108);
  expect(await activations.of("ibm:accounts", 28, 108)).toBe(107);
  expect(ledger.read.records).toBe(108);
});

test("a version that came with a registration, of another asset, or later, has none", async () => {
  const ledger = ledgerOf(100);
  const activations = createPolicyActivations(ledger);
  expect(await activations.of("ibm:accounts", 1, 100)).toBeUndefined();
  expect(ledger.read.records).toBe(0);
  expect(await activations.of("ge:accounts", 2, 100)).toBeUndefined();
  expect(await activations.of("ibm:accounts", 26, 50)).toBeUndefined();
  expect(await activations.of("ibm:accounts", 26, 99)).toBeUndefined();
});

test("questions at the same time share one look", async () => {
  const ledger = ledgerOf(40);
  const activations = createPolicyActivations(ledger);
  const found = await Promise.all([2, 3, 4].map((version) => activations.of("ibm:accounts", version, 40)));
  expect(found).toEqual([3, 7, 11]);
  expect(ledger.read.records).toBe(40);
});
