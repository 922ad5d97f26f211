import { expect, test } from "vitest";
import { agreedWorld, agreementOf, assetOf, providers, requester, type World } from "../../chaincode/rules/_world.ts";
import type { HistoryEntry } from "../../crypto/secagg/history.ts";
import { digest, type TestMember } from "../../ledger/conformance/fixture.ts";
import { createForgottenReleases, createReleaseHistory, joinReleaseId } from "./release-history.ts";

const release = (computation: string, pairs: readonly string[]): HistoryEntry => ({
  computation,
  digest: `digest of ${computation}`,
  position: 7,
  need: 3,
  sets: [{ kind: "exact", pairs }],
  cells: [{ recordKey: "sum of value, year 1950", set: 0 }],
});

const storeOf = (stored: readonly HistoryEntry[]) => ({
  get: async () => undefined,
  put: async () => undefined,
  delete: async () => undefined,
  async *entries() {
    for (const entry of stored) yield [entry.computation, entry] as const;
  },
});

test("a history is what was stored and what was remembered since, and the same cells are held once", async () => {
  const stored = [release("first", ["alpha:sales#1", "beta:sales#1"]), release("second", ["alpha:sales#1"])];
  const later = release("third", ["alpha:sales#1", "beta:sales#1"]);
  const history = createReleaseHistory(storeOf(stored));
  await history.load();
  history.remember(later);

  const [first, second, third] = history.entries();
  expect([first, second, third]).toEqual([...stored, later]);
  expect(third?.cells).toBe(first?.cells);
  expect(third?.sets).toBe(first?.sets);
  expect(second?.cells).toBe(first?.cells);
  expect(second?.sets).not.toBe(first?.sets);
  expect(history.has("third") && !history.has("fourth")).toBe(true);
});

test("a join that told something and that its provider does not remember is missed, also one recorded since it last looked", async () => {
  const [provider, other] = providers as unknown as readonly [TestMember, TestMember];
  const world = await agreedWorld({ joinRuns: 3 });
  const run = (at: number) => `${"A".repeat(20)}${at}A`;
  const told = async (number: number, outcome: "released" | "withheld") => {
    const list = { size: 200, root: digest("list") };
    const opened = { run: run(number), agreement: agreementOf(provider), number, operation: "cardinality" as const };
    await world.must(requester, "join.open", { ...opened, ...list });
    await world.must(provider, "join.commit", { run: run(number), ...list });
    const what = outcome === "released" ? { release: digest("told") } : { reason: "minimum-group" };
    await world.must(provider, "join.end", { run: run(number), outcome, ...what });
    return [{ type: "join.end", body: { run: run(number), outcome } }];
  };
  const since: { readonly type: string; readonly body: object }[] = [];
  const ledger = ledgerOf(world, since);
  const history = createReleaseHistory(storeOf([]));
  const of = (self: string) => createForgottenReleases(ledger, self, history);

  await told(1, "withheld");
  const forgotten = of(provider.id);
  expect(await forgotten.of(assetOf(provider))).toBeUndefined();
  since.push(...(await told(2, "released")));
  expect(await forgotten.of(assetOf(provider))).toBe(joinReleaseId(run(2)));
  expect(await of(provider.id).of(assetOf(provider))).toBe(joinReleaseId(run(2)));
  expect(await of(other.id).of(assetOf(other))).toBeUndefined();
  history.remember(release(joinReleaseId(run(2)), []));
  expect(await of(provider.id).of(assetOf(provider))).toBeUndefined();
});

/** The state of `world`, and of its entries those of `since`. */
const ledgerOf = (world: World, since: readonly { readonly type: string; readonly body: object }[]) =>
  ({
    get: (key: string) => world.state.get(key),
    range: (prefix: string) => world.state.range(prefix),
    status: async () => ({ height: 1 + since.length }),
    async *entries(from: number) {
      for (const statement of since.slice(from - 1)) yield { transaction: { statement } };
    },
  }) as unknown as Parameters<typeof createForgottenReleases>[0];
