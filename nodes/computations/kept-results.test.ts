import { expect, test } from "vitest";
import type { SumEquation } from "../../exchange/computations/release-check.ts";
import { createKeptResults } from "./kept-results.ts";
import type { ResultRecord } from "./result-record.ts";

const RECORD = JSON.stringify({ word: { kind: "moment", elements: ["tax"] }, filters: [], period: null, cell: [] });
const equation: SumEquation = { id: "0/0", record: RECORD, contributors: ["a", "b", "c"] };
const released = (computation: string, equations: readonly SumEquation[] = [equation]): ResultRecord => ({
  computation,
  request: computation,
  outcome: { kind: "released", result: { salt: "", document: {} as never }, rules: [], equations },
});
const withheld = (computation: string): ResultRecord => ({
  computation,
  request: computation,
  outcome: { kind: "withheld", reasons: ["contribution-omitted"] },
});

/** Counts what is read of the store. */
function storeOf(results: readonly ResultRecord[]) {
  const kept = new Map(results.map((one) => [one.computation, one]));
  const read = { scans: 0, records: 0 };
  return {
    read,
    get: async (id: string) => {
      read.records += kept.has(id) ? 1 : 0;
      return kept.get(id);
    },
    put: async (id: string, value: ResultRecord) => void kept.set(id, value),
    async *entries() {
      read.scans += 1;
      for (const entry of kept) {
        read.records += 1;
        yield entry;
      }
    },
  };
}

test("a release is checked without reading the results of those before it again", async () => {
  const store = storeOf(Array.from({ length: 50 }, (_, at) => released(`before-${at}`)));
  const results = createKeptResults(store);
  await results.told();
  expect(store.read).toEqual({ scans: 1, records: 50 });
  for (let at = 0; at < 200; at++) {
    expect((await results.told()).like([RECORD])).toHaveLength(1);
    await results.keep(released(`result-${at}`));
  }
  expect(store.read).toEqual({ scans: 1, records: 50 });
});

test("what was told before the node was started is found again, each sum once", async () => {
  const other = { ...equation, contributors: ["a", "b", "c", "d"] };
  const store = storeOf([released("one"), released("two", [equation, other]), withheld("three")]);
  const sums = (await createKeptResults(store).told()).like([RECORD]);
  expect(sums.map(({ contributors }) => contributors)).toEqual([equation.contributors, other.contributors]);
});

test("a result that was withheld before it was told is not counted as told", async () => {
  const results = createKeptResults(storeOf([]));
  await results.keep(released("one"));
  expect((await results.told()).like([RECORD])).toHaveLength(1);
  await results.keep(withheld("one"));
  expect((await results.told()).like([RECORD])).toEqual([]);
});

test("a store that could not be read is read again, and nothing is kept unchecked meanwhile", async () => {
  const store = storeOf([released("one")]);
  let isBroken = true;
  const results = createKeptResults({
    ...store,
    entries: () => {
      if (isBroken) throw new Error("disk");
      return store.entries();
    },
  });
  await expect(results.told()).rejects.toThrow("disk");
  await expect(results.keep(released("two"))).rejects.toThrow("disk");
  isBroken = false;
  expect((await results.told()).like([RECORD])).toHaveLength(1);
  expect(await store.get("two")).toBeUndefined();
});
