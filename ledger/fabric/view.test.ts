import { afterEach, beforeEach, expect, test } from "vitest";
import { testClient } from "../../chaincode/fabric/_client.ts";
import { type Called, connectPeer, type PeerDouble } from "../../chaincode/fabric/_peer.ts";
import { createContract } from "../../chaincode/fabric/contract.ts";
import { RULES_KEY } from "../../chaincode/fabric/messages.ts";
import { type ChaincodeServer, startChaincode } from "../../chaincode/fabric/server.ts";
import { keys } from "../../chaincode/rules/keys.ts";
import { canonicalJson, isCanonicalText } from "../../crypto/suites/digest.ts";
import { admission, anchor, digest, founding, NETWORK, testMember, transaction } from "../conformance/fixture.ts";
import { collect } from "../conformance/suite.ts";
import { createSignatureQueue } from "../contract.ts";
import { memoryStore } from "../embedded/_memory-store.ts";
import type { LogStore } from "../embedded/store.ts";
import type { SignedTransaction } from "../port.ts";
import { blockOf, type CallInBlock } from "./_block.ts";
import { type FabricBlock, readBlock } from "./block.ts";
import { openView, type View } from "./view.ts";

const NOW = Date.parse("2026-11-22T12:00:00.000Z");
const PLACE = { channel: "sealane", chaincode: "sealane", code: "code" };
const CONFIG = { block: 0, hash: digest("configuration") };
const client = await testClient("Org1MSP", "client", "first");
const founder = testMember("operator", { kind: "industry", fabric: client.bound });
const second = testMember("second");

let server: ChaincodeServer;
let peers: PeerDouble;
let store: LogStore;
let view: View;
beforeEach(async () => {
  const contract = createContract({
    signatures: createSignatureQueue,
    isCanonical: isCanonicalText,
    code: "code",
    now: () => NOW,
  });
  server = await startChaincode(contract, { packageId: "sealane:0", address: "localhost:0" });
  peers = await connectPeer(server.port, { batches: true });
  store = memoryStore();
  view = await openView(store, NETWORK, PLACE);
});
afterEach(() => {
  peers.close();
  server.close();
});

/** What the peers make of one call; `kept`: it is found valid. */
async function call(transactions: readonly SignedTransaction[], millis = NOW, kept = true): Promise<CallInBlock> {
  const args = ["submit", JSON.stringify({ member: founder.id, code: "code" }), ...transactions.map(canonicalJson)];
  const called = await peers.call(args, client.identity, millis);
  expect(called.message).toBe("");
  if (kept) peers.commit(called);
  return { args, millis, called };
}
const apply = (block: FabricBlock) => view.apply(block, CONFIG, Promise.resolve());
const next = (calls: readonly CallInBlock[]) => {
  const { block, hash } = view.progress();
  return readBlock(blockOf(block + 1, hash, calls), "sealane");
};

async function founded(): Promise<void> {
  await apply(next([await call([founding(founder), admission(founder, second)])]));
}

test("the replica holds the peers' state after every block, with positions and without what was invalid or refused", async () => {
  await founded();
  const one = await call([anchor(founder, 0), anchor(founder, 5), anchor(second, 0)], NOW + 1);
  const lost = { ...(await call([anchor(founder, 1)], NOW + 2, false)), flag: 11 };
  const two = await call([anchor(founder, 1), anchor(founder, 0)], NOW + 2);
  await apply(next([one, lost, two]));
  await apply(next([]));
  expect(view.progress().block).toBe(2);
  const own = new Map<string, string>();
  for await (const [key, value] of view.chain.state.range("")) own.set(key, JSON.stringify(value));
  const withoutPositions = [...own].map(([key, text]) => [key, text.replaceAll(/"position":\d+/g, '"position":0')]);
  const { [RULES_KEY]: rules, ...theirs } = Object.fromEntries(peers.state);
  expect(rules).toBe('"code"');
  expect(Object.fromEntries(withoutPositions)).toEqual(theirs);
  const entries = await collect(view.chain.entries(0));
  expect(entries.map(({ position, time }) => [position, time.slice(-5)])).toEqual([
    [0, ".000Z"],
    [1, ".000Z"],
    [2, ".001Z"],
    [3, ".001Z"],
    [4, ".002Z"],
  ]);
  expect(JSON.parse(own.get(keys.member(second.id)) ?? "")).toMatchObject({ admitted: { position: 1 } });
});

const changed = (one: CallInBlock, change: Partial<Called>): CallInBlock => ({
  ...one,
  called: { ...one.called, ...change },
});
const written = (one: CallInBlock, key: string, value: string) =>
  changed(one, { writes: new Map([...one.called.writes, [key, value]]) });
const answered = (one: CallInBlock, outcomes: unknown) =>
  changed(one, { payload: Buffer.from(JSON.stringify(outcomes)) });

test.each<[string, (good: CallInBlock) => CallInBlock, RegExp]>([
  [
    "a write of another value",
    (one) => written(one, "access/operator", '{"to":9,"root":"x"}'),
    /writes something else under access\/operator/,
  ],
  ["a write too many", (one) => written(one, "member/nobody", "{}"), /the peers wrote member\/nobody/],
  ["other rules than the call's", (one) => written(one, RULES_KEY, '"later"'), /other rules than the call's/],
  ["a write too few", (one) => changed(one, { writes: new Map() }), /writes something else/],
  [
    "a record said to be refused",
    (one) => answered(one, [{ ok: false, code: "ERR_CONTRACT_RANGE" }]),
    /answer is not the contract's/,
  ],
  ["a record said to repeat", (one) => answered(one, [{ ok: true, repeats: true }]), /answer is not the contract's/],
  ["no answer for a record", (one) => answered(one, []), /answer is not the contract's/],
  ["an answer of another form", (one) => answered(one, { ok: true }), /no list of outcomes/],
  ["another time", (one) => ({ ...one, millis: NOW + 2 }), /writes something else/],
  [
    "another record",
    (one) => ({ ...one, args: [...one.args.slice(0, -1), canonicalJson(anchor(second, 0))] }),
    /writes something else|the contract/,
  ],
])("a block is refused that holds %s, and the replica stays as it was", async (_what, tamper, said) => {
  await founded();
  const before = [view.progress(), view.chain.root()];
  const good = await call([anchor(founder, 0)]);
  await expect((async () => apply(next([tamper(good)])))()).rejects.toThrow(said);
  expect([view.progress(), view.chain.root()]).toEqual(before);
  await apply(next([good]));
  expect(await view.chain.state.get(keys.access(founder.id))).toMatchObject({ to: 1 });
});

test("a valid record said to be invalid is noticed at the latest where something follows from it", async () => {
  await founded();
  const hidden = { ...(await call([anchor(founder, 0)])), flag: 11 };
  await apply(next([hidden]));
  const after = next([await call([anchor(founder, 1)])]);
  await expect(apply(after)).rejects.toMatchObject({ code: "ERR_LEDGER_FORK" });
});

test("blocks come in order, follow each other's hash, and hold the data of their header", async () => {
  await founded();
  const { hash } = view.progress();
  const read = (number: number, previous: string) => readBlock(blockOf(number, previous, []), "sealane");
  await expect(apply(read(2, hash))).rejects.toMatchObject({ code: "ERR_LEDGER_CORRUPT" });
  await expect(apply(read(1, "x".repeat(43)))).rejects.toMatchObject({ code: "ERR_LEDGER_FORK" });
  const damaged = blockOf(1, hash, [await call([anchor(founder, 0)])]);
  damaged.getData()?.setDataList([new Uint8Array([1])]);
  expect(() => readBlock(damaged, "sealane")).toThrow(/data have another hash/);
  await apply(read(1, hash));
});

test("opened again it goes on after its last block, also when a crash left half of one", async () => {
  await founded();
  const [one, two] = [await call([anchor(founder, 0)]), await call([anchor(founder, 1)])];
  const block = next([one]);
  await view.chain.stage(
    await view.chain.prepare([{ time: "2026-11-22T12:00:00.000Z", transaction: anchor(founder, 0) }], () => true),
    "unfinished",
    { sync: false },
  );
  view = await openView(store, NETWORK, PLACE);
  expect(view.progress().block).toBe(0);
  await apply(block);
  view = await openView(store, NETWORK, PLACE);
  await apply(next([two]));
  expect(view.progress().config).toEqual(CONFIG);
  expect(await view.chain.state.get(keys.access(founder.id))).toMatchObject({ to: 2 });
});

test("a block made by other rules is not executed: both are named, and a replica of those rules takes it", async () => {
  await founded();
  const good = await call([anchor(founder, 0)]);
  const [name, , ...texts] = good.args;
  const args = [name!, JSON.stringify({ member: founder.id, code: "later" }), ...texts];
  const later = next([{ ...good, args }]);
  const stopped = { code: "ERR_LEDGER_PROFILE", message: expect.stringMatching(/block 1 .* rules later, .* by code/) };
  await expect(apply(later)).rejects.toMatchObject(stopped);
  expect(view.progress().block).toBe(0);
  await expect(apply(next([{ ...good, version: "later" }]))).rejects.toMatchObject({ code: "ERR_LEDGER_PROFILE" });
  view = await openView(store, NETWORK, { ...PLACE, code: "later" });
  await apply(later);
  expect(await view.chain.state.get(keys.access(founder.id))).toMatchObject({ to: 1 });
});

test("a call of no records says by which rules calls are made from now on, and changes nothing else", async () => {
  await founded();
  peers.state.set(RULES_KEY, '"earlier"');
  const mark = await call([]);
  expect([...mark.called.writes]).toEqual([[RULES_KEY, '"code"']]);
  const [before, root] = [view.chain.head().size, view.chain.root()];
  await apply(next([mark]));
  expect([view.progress().block, view.chain.head().size, view.chain.root()]).toEqual([1, before, root]);
  expect((await call([])).called.writes.size).toBe(0);
  const later = next([{ ...mark, args: ["submit", JSON.stringify({ member: founder.id, code: "later" })] }]);
  await expect(apply(later)).rejects.toMatchObject({ code: "ERR_LEDGER_PROFILE" });
});

test("a block is executed before it is agreed on, and taken only then", async () => {
  await founded();
  const before = [view.progress(), view.chain.root()];
  const block = next([await call([anchor(founder, 0)])]);
  const contradiction = new Error("peers say otherwise");
  const agreed = Promise.withResolvers<void>();
  const refused = view.apply(block, CONFIG, agreed.promise);
  agreed.reject(contradiction);
  await expect(refused).rejects.toBe(contradiction);
  expect([view.progress(), view.chain.root()]).toEqual(before);
  expect(await view.chain.state.get(keys.access(founder.id))).toBeUndefined();
  const later = Promise.withResolvers<void>();
  const taken = view.apply(block, CONFIG, later.promise);
  later.resolve();
  await taken;
  expect(await view.chain.state.get(keys.access(founder.id))).toMatchObject({ to: 1 });
});

test("a store of another channel or chaincode is refused", async () => {
  await founded();
  await expect(openView(store, NETWORK, { ...PLACE, channel: "other" })).rejects.toMatchObject({
    code: "ERR_LEDGER_PROFILE",
    message: expect.stringContaining("sealane on other"),
  });
});

test("a vote on a log that no sequencer keeps is refused by peers and replica alike, and stops no node", async () => {
  await founded();
  const proposal = { kind: "replace-sequencer", sequencer: second.id, from: { size: 1, root: digest("log") } } as const;
  const voted = await call([transaction(founder, "vote.cast", { proposal, choice: "for" }), anchor(founder, 0)]);
  await apply(next([voted]));
  expect(await view.chain.state.get(keys.access(founder.id))).toMatchObject({ to: 1 });
  expect(view.chain.head().size).toBe(3);
});
