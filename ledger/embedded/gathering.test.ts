/** What goes into one group commit together. */
import { expect, test } from "vitest";
import { keys, type StateReader } from "../../chaincode/rules/keys.ts";
import { anchor, digest, testMember, transaction, uuid } from "../conformance/fixture.ts";
import type { SignedTransaction } from "../port.ts";
import { gatherGroup } from "./gathering.ts";
import { createSubmissionQueue } from "./submissions.ts";

const provider = testMember("a");
const request = uuid("request");
const ASSETS = ["a:one", "b:two", "c:three"];

const decision = (asset: string): SignedTransaction =>
  transaction(provider, "decision.record", {
    request,
    asset,
    outcome: "permit",
    reasons: [],
    policyDigest: digest("policy"),
    policyVersion: 1,
    explanationDigest: digest("explanation"),
  });

/** A request to all assets, of which these are decided on. */
function stateWith(decided: readonly string[] = []): StateReader {
  const values = new Map<string, unknown>([[keys.request(request), { assets: ASSETS }]]);
  for (const asset of decided) values.set(keys.decision(request, asset), {});
  return {
    get: async <T>(key: string) => values.get(key) as T | undefined,
    // biome-ignore lint/correctness/useYield: nothing here is read by range
    async *range() {
      throw new Error("not read by range");
    },
  };
}

/** Each of `later` comes when the queue is waited for; after them nothing does. Resolves with the group and the waits. */
async function gathered(first: SignedTransaction, later: readonly SignedTransaction[], state = stateWith()) {
  const queue = createSubmissionQueue({ maxQueue: 100, timeoutMs: 60_000 });
  const add = (one: SignedTransaction) => void queue.add([one]).catch(() => undefined);
  const coming = [...later];
  const waits: number[] = [];
  const bell = {
    ...queue.bell,
    async wait(_signal: AbortSignal, milliseconds = 0) {
      waits.push(milliseconds);
      coming.splice(0, 1).forEach(add);
    },
  };
  add(first);
  const deps = { state, queue: { ...queue, bell }, maxBatch: 100, now: () => 0, signal: new AbortController().signal };
  const group = await gatherGroup(deps, 30);
  queue.fail(new Error("over") as never);
  return { group: group.map(({ transaction: one }) => one.statement.id), waits };
}

const idsOf = (...all: readonly SignedTransaction[]) => all.map(({ statement }) => statement.id);

test("decisions on one request are taken together, and nothing is waited for once all are there", async () => {
  const [one, two, three] = ASSETS.map(decision) as [SignedTransaction, SignedTransaction, SignedTransaction];
  const { group, waits } = await gathered(one, [two, three]);
  expect(group).toEqual(idsOf(one, two, three));
  expect(waits).toEqual([60, 60]);
});

test("those that are on the ledger already are not waited for", async () => {
  const { group, waits } = await gathered(decision("c:three"), [decision("a:one")], stateWith(["a:one", "b:two"]));
  expect(group).toHaveLength(1);
  expect(waits).toEqual([]);
});

test("whoever does not decide is waited for once, not for ever", async () => {
  const { group, waits } = await gathered(decision("a:one"), []);
  expect(group).toHaveLength(1);
  expect(waits).toHaveLength(1);
});

test("anything else that comes goes with what is there, at once", async () => {
  const other = anchor(provider, 0);
  const { group, waits } = await gathered(decision("a:one"), [other, decision("b:two")]);
  expect(group).toEqual(idsOf(decision("a:one"), other));
  expect(waits).toHaveLength(1);
  expect((await gathered(other, [decision("a:one")])).waits).toEqual([]);
});

test("a decision without a form, or on a request that nobody knows, is not waited with", async () => {
  for (const body of [null, {}, { request: uuid("another"), asset: "a:one" }, { request: 1, asset: [] }]) {
    const malformed = transaction(provider, "decision.record", body as never, uuid("malformed"));
    expect((await gathered(malformed, [decision("a:one")])).waits).toEqual([]);
  }
});
