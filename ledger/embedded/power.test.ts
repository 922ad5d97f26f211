import { expect, test } from "vitest";
import { admission, anchor, founding, NETWORK, publicKeyOf, testMember } from "../conformance/fixture.ts";
import { caughtUp } from "../conformance/suite.ts";
import { type MemoryStore, memoryStore } from "./_memory-store.ts";
import { openReplica } from "./replica.ts";
import { createSequencer, type SequencerOptions } from "./sequencer.ts";
import type { SequencerApi } from "./sequencer-api.ts";

const founder = testMember("operator", { kind: "industry" });
const a = testMember("a", { cosigner: true });

const sequence = (store: MemoryStore, changes: Partial<SequencerOptions> = {}) =>
  createSequencer({
    store,
    network: NETWORK,
    identity: founder.identity,
    now: Date.now,
    quorumTimeoutMs: 5_000,
    ...changes,
  });

const replicate = (sequencer: SequencerApi, store: MemoryStore) =>
  openReplica({
    network: NETWORK,
    identity: a.identity,
    sequencer,
    pinnedSequencerKey: publicKeyOf(founder.identity),
    now: Date.now,
    retryMs: 10,
    pollMs: 500,
    store,
  });

async function founded(changes: Partial<SequencerOptions> = {}) {
  const store = memoryStore();
  const sequencer = await sequence(store, changes);
  const copy = memoryStore();
  const replica = await replicate(sequencer.api, copy);
  await sequencer.ledger.submit([founding(founder)]);
  await sequencer.ledger.submit([admission(founder, a)]);
  return { store, sequencer, copy, replica };
}

test("a power failure that takes the sequencer's acknowledgement is healed by the replicas that have it", async () => {
  const { store, sequencer, copy, replica } = await founded();
  await sequencer.ledger.submit([anchor(founder, 0)]);
  await caughtUp(replica, 3);
  await replica.close();
  await sequencer.ledger.close();
  expect(store.synced).toBeLessThan(store.batches.length);
  const reopened = await sequence(store.after(store.synced));
  expect((await reopened.ledger.status()).height).toBe(2);
  const again = await replicate(reopened.api, copy.after(copy.batches.length));
  await caughtUp(reopened.ledger, 3);
  await reopened.ledger.submit([anchor(founder, 1)]);
  await caughtUp(again, 4);
  await again.close();
  await reopened.ledger.close();
});

test("a record dated in the future gets no quorum, so a wrong clock cannot move the ledger's time for ever", async () => {
  let ahead = 0;
  const { sequencer, replica } = await founded({ now: () => Date.now() + ahead, quorumTimeoutMs: 300 });
  ahead = 4 * 60_000;
  await sequencer.ledger.submit([anchor(founder, 0)]);
  ahead = 60 * 60_000;
  await expect(sequencer.ledger.submit([anchor(founder, 1)])).rejects.toMatchObject({ code: "ERR_LEDGER_NO_QUORUM" });
  expect((await replica.status()).height).toBe(3);
  await replica.close();
  await sequencer.ledger.close();
});
