/** Group commits that are executed while the one before them waits for its quorum. */
import { expect, test, vi } from "vitest";
import { admission, anchor, anchors, founding, NETWORK, publicKeyOf, testMember } from "../conformance/fixture.ts";
import { caughtUp, collect } from "../conformance/suite.ts";
import { type MemoryStore, memoryStore } from "./_memory-store.ts";
import { openReplica } from "./replica.ts";
import { createSequencer } from "./sequencer.ts";
import type { SequencerApi } from "./sequencer-api.ts";

const founder = testMember("operator", { kind: "industry" });
const a = testMember("a", { cosigner: true });
const GROUP = 64;
const waits = { timeout: 60_000, interval: 5 };

const sequence = (store: MemoryStore) =>
  createSequencer({
    store,
    network: NETWORK,
    identity: founder.identity,
    now: Date.now,
    maxBatch: GROUP,
    quorumTimeoutMs: 100_000,
  });
const replicate = (sequencer: SequencerApi, store = memoryStore()) =>
  openReplica({
    store,
    network: NETWORK,
    identity: a.identity,
    sequencer,
    pinnedSequencerKey: publicKeyOf(founder.identity),
    now: Date.now,
    retryMs: 10,
    pollMs: 500,
  });

/** A sequencer that has founded a network with one cosigner, which cosigns while `isSilent` says no. */
async function founded() {
  const store = memoryStore();
  const sequencer = await sequence(store);
  const silence = { isSilent: false };
  const replica = await replicate({
    ...sequencer.api,
    async cosign(note) {
      while (silence.isSilent) await new Promise((resolve) => setTimeout(resolve, 5));
      return sequencer.api.cosign(note);
    },
  });
  await sequencer.ledger.submit([founding(founder)]);
  await sequencer.ledger.submit([admission(founder, a)]);
  const waiting = async () => (await sequencer.ledger.status()).outbox;
  return { store, sequencer, replica, silence, waiting };
}

test("the next group is executed while one waits for its quorum, and nothing of it is on disk or shown", async () => {
  const { store, sequencer, replica, silence, waiting } = await founded();
  const records = anchors(founder, 0, 3 * GROUP);
  silence.isSilent = true;
  const submitted = sequencer.ledger.submit(records);
  await vi.waitFor(async () => expect(await waiting()).toBe(GROUP), waits);
  const held = [...store.data.keys()].filter((key) => key.startsWith("entry/"));
  expect(held).toHaveLength(2 + GROUP);
  expect(await sequencer.api.batches({ from: 2, limit: 1000, waitMs: 0 })).toHaveLength(1);
  expect((await sequencer.ledger.status()).height).toBe(2);
  expect(await waiting()).toBe(GROUP);
  silence.isSilent = false;
  expect((await submitted).map(({ position }) => position)).toEqual(records.map((_, at) => 2 + at));
  await caughtUp(replica, 2 + records.length);
  expect((await replica.status()).root).toBe((await sequencer.ledger.status()).root);
  await replica.close();
  await sequencer.ledger.close();
});

test("it sees what waits before it: the same record again, a record that does not follow, a new member", async () => {
  const { sequencer, replica, silence, waiting } = await founded();
  const b = testMember("b");
  const first = anchors(founder, 0, GROUP);
  const second = anchors(founder, GROUP, GROUP - 3);
  silence.isSilent = true;
  const answers = sequencer.api.submit([
    ...first,
    first[5]!,
    anchor(founder, 7),
    ...second,
    admission(founder, b),
    ...anchors(b, 0, 2 * GROUP),
  ]);
  await vi.waitFor(async () => expect(await waiting()).toBeLessThan(2 * GROUP + 1), waits);
  silence.isSilent = false;
  const answered = await answers;
  expect(answered[GROUP]).toEqual(answered[5]);
  expect(answered[GROUP + 1]).toMatchObject({ ok: false, code: "ERR_CONTRACT_RANGE" });
  const taken = answered.filter((_, at) => at !== GROUP && at !== GROUP + 1);
  expect(taken.map((answer) => answer.ok && answer.entry.position)).toEqual(taken.map((_, at) => 2 + at));
  await caughtUp(replica, 2 + taken.length);
  await replica.close();
  await sequencer.ledger.close();
});

test("no acknowledged record is lost and none is there twice, wherever the power fails", async () => {
  const store = memoryStore();
  const sequencer = await sequence(store);
  const records = [founding(founder), ...anchors(founder, 0, 3 * GROUP + 7)];
  const acknowledgedAt = new Map<string, number>();
  await Promise.all(
    records.map(async (record) => {
      await sequencer.ledger.submit([record]);
      acknowledgedAt.set(record.statement.id, store.synced);
    }),
  );
  await sequencer.ledger.close();
  for (let survived = 0; survived <= store.batches.length; survived += 1) {
    const reopened = await sequence(store.after(survived));
    await reopened.ledger.submit(records);
    const ids = (await collect(reopened.ledger.entries(0))).map(({ transaction }) => transaction.statement.id);
    expect(ids).toEqual(records.map(({ statement }) => statement.id));
    const safe = ids.filter((id) => acknowledgedAt.get(id)! <= survived);
    expect(ids.slice(0, safe.length)).toEqual(safe);
    await reopened.ledger.close();
  }
});

test("a sequencer that closes while a group is executed ahead keeps the staged one only", async () => {
  const { store, sequencer, replica, silence, waiting } = await founded();
  const records = anchors(founder, 0, 2 * GROUP);
  silence.isSilent = true;
  const submitted = sequencer.ledger.submit(records).catch((error: unknown) => error);
  await vi.waitFor(async () => expect(await waiting()).toBe(0), waits);
  await sequencer.ledger.close();
  expect(await submitted).toMatchObject({ code: "ERR_LEDGER_CLOSED" });
  silence.isSilent = false;
  await replica.close();
  const reopened = await sequence(store.after(store.batches.length));
  const again = await replicate(reopened.api);
  await caughtUp(reopened.ledger, 2 + GROUP);
  expect(await reopened.ledger.submit(records)).toHaveLength(records.length);
  expect((await reopened.ledger.status()).height).toBe(2 + records.length);
  await again.close();
  await reopened.ledger.close();
});
