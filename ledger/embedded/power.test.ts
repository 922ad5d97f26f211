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
    quorumTimeoutMs: 100_000,
    ...changes,
  });

const replicate = (sequencer: SequencerApi, store: MemoryStore, onTrouble?: (error: unknown) => void) =>
  openReplica({
    ...(onTrouble === undefined ? {} : { onTrouble }),
    network: NETWORK,
    identity: a.identity,
    sequencer,
    pinnedSequencerKey: publicKeyOf(founder.identity),
    now: Date.now,
    retryMs: 10,
    pollMs: 500,
    store,
  });

async function founded(changes: Partial<SequencerOptions> = {}, onTrouble?: (error: unknown) => void) {
  const store = memoryStore();
  const sequencer = await sequence(store, changes);
  const copy = memoryStore();
  const replica = await replicate(sequencer.api, copy, onTrouble);
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
  const troubles: string[] = [];
  const { sequencer, replica } = await founded({ now: () => Date.now() + ahead }, (error) => {
    troubles.push((error as Error).message);
  });
  ahead = 4 * 60_000;
  await sequencer.ledger.submit([anchor(founder, 0)]);
  ahead = 60 * 60_000;
  const answer = sequencer.ledger.submit([anchor(founder, 1)]).catch((error: unknown) => error);
  // Not once: it is asked for again and again.
  const refusals = () => troubles.filter((trouble) => trouble.includes("not cosigned until the clocks agree")).length;
  await expect.poll(refusals).toBeGreaterThan(2);
  expect((await replica.status()).height).toBe(3);
  expect((await sequencer.ledger.status()).height).toBe(3);
  await replica.close();
  await sequencer.ledger.close();
  expect(await answer).toMatchObject({ code: "ERR_LEDGER_CLOSED" });
});
