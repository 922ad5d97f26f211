import { expect, test } from "vitest";
import { keys } from "../../chaincode/rules/keys.ts";
import type { ComputationState } from "../../chaincode/rules/records.ts";
import type { AgreementRecord } from "../../exchange/requests/agreement-record.ts";
import type { Ledger, LedgerEntry } from "../../ledger/port.ts";
import { createAssetUses } from "./asset-uses.ts";

const OWN = "ibm:accounts";
type Ending = Partial<Pick<ComputationState, "state" | "failure">>;

/** A ledger of openings, one agreement each. Counts what is read. */
function world() {
  const entries: LedgerEntry[] = [];
  const state = new Map<string, unknown>();
  const agreements = new Map<string, AgreementRecord>();
  const read = { entries: 0, agreements: 0, states: 0 };
  const ledger = {
    status: async () => ({ height: entries.length }),
    get: async (key: string) => {
      read.states += 1;
      return state.get(key);
    },
    async *range(prefix: string) {
      for (const entry of state) if (entry[0].startsWith(prefix)) yield entry;
    },
    async *entries(from: number, limit: number) {
      for (const entry of entries.slice(from, from + limit)) {
        read.entries += 1;
        yield entry;
      }
    },
  } as unknown as Ledger;
  const end = (computation: string, ending: Ending) => {
    const before = state.get(keys.computation(computation)) as object;
    state.set(keys.computation(computation), { ...before, ...ending });
  };
  const open = (computation: string, asset = OWN) => {
    const agreement = `agreement of ${computation}`;
    agreements.set(computation, { asset, agreement } as AgreementRecord);
    state.set(keys.agreement(agreement), { agreement });
    state.set(keys.agreementUse(agreement, computation), {});
    state.set(keys.computation(computation), { computation, state: "opened", opened: { position: entries.length } });
    const statement = { type: "computation.open", body: { computation, cohort: [{ asset, agreement }] } };
    entries.push({ position: entries.length, transaction: { statement } } as unknown as LedgerEntry);
  };
  const kept = {
    async *entries() {
      for (const entry of agreements) {
        read.agreements += 1;
        yield entry;
      }
    },
  };
  return { open, end, read, uses: () => createAssetUses(ledger, kept) };
}

test("each decision looks at what is new and what still runs, however many computations there were", async () => {
  const { open, end, read, uses } = world();
  for (let at = 0; at < 40; at++) {
    open(`before-${at}`);
    end(`before-${at}`, { state: "released" });
  }
  const counted = uses();
  expect(await counted.of(OWN)).toBe(40);
  const before = { ...read };
  for (let at = 0; at < 100; at++) {
    open(`after-${at}`);
    expect(await counted.of(OWN)).toBe(41 + at);
    end(`after-${at}`, { state: "released" });
  }
  expect(read.agreements).toBe(before.agreements);
  expect(read.entries - before.entries).toBe(100);
  expect(read.states - before.states).toBeLessThanOrEqual(200);
});

test("what failed before its second closing is no use, what failed after it is, before and after a start", async () => {
  const { open, end, uses } = world();
  const counted = uses();
  const endings: readonly Ending[] = [
    { state: "released" },
    { state: "withheld" },
    { state: "failed", failure: { reason: "expired", by: "c" } },
    { state: "failed", failure: { reason: "expired", by: "c", afterClose: true } },
    {},
  ];
  expect(await counted.of(OWN)).toBe(0);
  for (const at of endings.keys()) open(`run-${at}`);
  open("of another asset", "ge:accounts");
  expect(await counted.of(OWN)).toBe(5);
  for (const [at, ending] of endings.entries()) end(`run-${at}`, ending);
  expect(await counted.of(OWN)).toBe(4);
  expect(await uses().of(OWN)).toBe(4);
  expect(await counted.of("ge:accounts")).toBe(1);
});

test("decisions at the same time count everything once", async () => {
  const { open, uses } = world();
  for (let at = 0; at < 5; at++) open(`run-${at}`);
  const counted = uses();
  expect(await Promise.all([OWN, OWN, OWN].map((asset) => counted.of(asset)))).toEqual([5, 5, 5]);
});
