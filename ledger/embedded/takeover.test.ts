import { describe, expect, test } from "vitest";
import { keys, readNetwork } from "../../chaincode/rules/keys.ts";
import {
  admission,
  anchor,
  digest,
  founding,
  NETWORK,
  publicKeyOf,
  type TestMember,
  testMember,
  transaction,
  uuid,
} from "../conformance/fixture.ts";
import { caughtUp } from "../conformance/suite.ts";
import type { Ledger } from "../port.ts";
import { type MemoryStore, memoryStore } from "./_memory-store.ts";
import { openReplica } from "./replica.ts";
import { createSequencer, type Sequencer, type SequencerOptions } from "./sequencer.ts";
import type { SequencerApi } from "./sequencer-api.ts";

const founder = testMember("operator", { kind: "industry" });
const members = ["a", "b", "c"].map((id) => testMember(id, { cosigner: true }));
const [a] = members as [TestMember];
const now = () => Date.now();

const sequence = (member: TestMember, store: MemoryStore, changes: Partial<SequencerOptions> = {}) =>
  createSequencer({ store, network: NETWORK, identity: member.identity, now, quorumTimeoutMs: 100_000, ...changes });

const replicate = (member: TestMember, store: MemoryStore, sequencer: SequencerApi): Promise<Ledger> =>
  openReplica({
    store,
    network: NETWORK,
    identity: member.identity,
    sequencer,
    pinnedSequencerKey: publicKeyOf(founder.identity),
    now,
    retryMs: 10,
    pollMs: 100,
  });

const votesFrom = (size: number, root: string, voters: readonly TestMember[] = members) =>
  voters.map((voter) =>
    transaction(
      voter,
      "vote.cast",
      { proposal: { kind: "replace-sequencer", sequencer: a.id, from: { size, root } }, choice: "for" },
      uuid(`vote of ${voter.id}`),
    ),
  );

/** A network of one sequencer and three cosigners with one record of its own; everything is closed. */
async function lostSequencer() {
  const store = memoryStore();
  const sequencer = await sequence(founder, store);
  const stores = members.map(() => memoryStore());
  const replicas = await Promise.all(members.map((one, at) => replicate(one, stores[at]!, sequencer.api)));
  await sequencer.ledger.submit([founding(founder)]);
  for (const member of members) await sequencer.ledger.submit([admission(founder, member)]);
  await sequencer.ledger.submit([anchor(founder, 0)]);
  const { height, root } = await sequencer.ledger.status();
  for (const replica of replicas) await caughtUp(replica, height);
  return { sequencer, store, stores: stores as [MemoryStore, MemoryStore, MemoryStore], replicas, height, root };
}

const closeAll = (...ledgers: readonly Ledger[]) => Promise.all(ledgers.map((ledger) => ledger.close()));

async function takenOver(
  lost: Awaited<ReturnType<typeof lostSequencer>>,
  votes = votesFrom(lost.height, lost.root),
  changes: Partial<SequencerOptions> = {},
): Promise<{ readonly next: Sequencer; readonly others: readonly Ledger[] }> {
  await closeAll(...lost.replicas, lost.sequencer.ledger);
  const next = await sequence(a, lost.stores[0], { ...changes, takeover: votes });
  const others = await Promise.all([1, 2].map((at) => replicate(members[at]!, lost.stores[at]!, next.api)));
  return { next, others };
}

describe("replacement of a lost sequencer", () => {
  test("a voted member goes on from the last cosigned checkpoint, and the others follow it", async () => {
    const lost = await lostSequencer();
    const { next, others } = await takenOver(lost);
    const [entry] = await others[0]!.submit([anchor(members[1]!, 0)]);
    // Two votes of four members are no majority, the third carries.
    expect(entry?.position).toBe(lost.height + 3);
    expect((await readNetwork(next.ledger))?.sequencer).toBe("a");
    for (const ledger of others) {
      await caughtUp(ledger, lost.height + 4);
      expect((await ledger.status()).root).toBe((await next.ledger.status()).root);
    }
    await closeAll(...others, next.ledger);
    const again = await sequence(a, lost.stores[0].after(lost.stores[0].batches.length));
    expect((await again.ledger.status()).role).toBe("sequencer");
    await again.ledger.close();
  });

  test("a sequencer that comes back is not stopped by what it signed before the members dropped it", async () => {
    const lost = await lostSequencer();
    await closeAll(...lost.replicas);
    const pending = lost.sequencer.ledger.submit([anchor(founder, 1)]).catch(() => undefined);
    const dropped = async () => (await lost.sequencer.api.batches({ from: lost.height, limit: 1, waitMs: 50 })).at(-1);
    await expect.poll(dropped).toBeDefined();
    const { checkpoint } = (await dropped())!;
    await lost.sequencer.ledger.close();
    await pending;
    const next = await sequence(a, lost.stores[0], { takeover: votesFrom(lost.height, lost.root) });
    const others = await Promise.all([1, 2].map((at) => replicate(members[at]!, lost.stores[at]!, next.api)));
    const back = await replicate(founder, lost.store, next.api);
    await caughtUp(back, lost.height + 2);
    const { height, root } = await next.ledger.status();
    const returning = { kind: "replace-sequencer", sequencer: founder.id, from: { size: height, root } } as const;
    for (const voter of members) {
      const vote = transaction(voter, "vote.cast", { proposal: returning, choice: "for" }, uuid(`back ${voter.id}`));
      await next.ledger.submit([vote]).catch(() => undefined);
    }
    await expect.poll(async () => (await readNetwork(back))?.sequencer).toBe(founder.id);
    await closeAll(back, ...others, next.ledger);
    const again = await sequence(founder, lost.store);
    await again.api.present({ member: "b", checkpoint });
    await closeAll(again.ledger);
  });

  test("votes that do not carry replace nobody", async () => {
    const lost = await lostSequencer();
    const votes = votesFrom(lost.height, lost.root, members.slice(0, 2));
    const { next, others } = await takenOver(lost, votes, { quorumTimeoutMs: 2_000 });
    await expect(next.ledger.submit([anchor(a, 0)])).rejects.toMatchObject({
      code: expect.stringMatching(/REJECTED|QUORUM/),
    });
    expect((await others[0]!.status()).height).toBe(lost.height);
    await closeAll(...others, next.ledger);
  });

  test("votes from another checkpoint are refused before anything is signed", async () => {
    const lost = await lostSequencer();
    await closeAll(...lost.replicas, lost.sequencer.ledger);
    for (const votes of [votesFrom(lost.height, digest("other")), votesFrom(lost.height - 1, lost.root)]) {
      await expect(sequence(a, lost.stores[0], { takeover: votes })).rejects.toMatchObject({
        code: "ERR_LEDGER_REJECTED",
      });
    }
    await expect(sequence(a, lost.stores[0])).rejects.toMatchObject({ code: "ERR_LEDGER_REJECTED" });
  });

  test("records the old sequencer never got acknowledged give way, at every replica that holds them", async () => {
    const lost = await lostSequencer();
    // Only b still hears the old sequencer: it stages a record that no quorum ever cosigns.
    await closeAll(lost.replicas[0]!, lost.replicas[2]!);
    const pending = lost.sequencer.ledger.submit([anchor(founder, 1)]).catch((error: unknown) => error);
    while (!lost.stores[1].data.has("tail")) await new Promise((resolve) => setTimeout(resolve, 5));
    const { next, others } = await takenOver(lost);
    await pending;
    await others[0]!.submit([anchor(members[1]!, 0)]);
    await caughtUp(others[1]!, lost.height + 4);
    expect(await others[0]!.get(keys.access(founder.id))).toMatchObject({ to: 1 });
    expect((await others[0]!.status()).root).toBe((await others[1]!.status()).root);
    await closeAll(...others, next.ledger);
  });

  test("a living sequencer hands over by an ordinary vote and stops", async () => {
    const lost = await lostSequencer();
    for (const vote of votesFrom(lost.height, lost.root)) await lost.sequencer.ledger.submit([vote]);
    await expect(lost.sequencer.ledger.submit([anchor(founder, 1)])).rejects.toMatchObject({
      code: "ERR_LEDGER_REJECTED",
    });
    for (const replica of lost.replicas) await caughtUp(replica, lost.height + 3);
    const { next, others } = await takenOver(lost, []);
    await others[1]!.submit([anchor(members[2]!, 0)]);
    await closeAll(...others, next.ledger);
  });

  test("a sequencer that stops before the vote against it is acknowledged orders nothing more when it comes back", async () => {
    const lost = await lostSequencer();
    const votes = votesFrom(lost.height, lost.root);
    for (const vote of votes.slice(0, 2)) await lost.sequencer.ledger.submit([vote]);
    for (const replica of lost.replicas) await caughtUp(replica, lost.height + 2);
    await closeAll(...lost.replicas);
    const pending = lost.sequencer.ledger.submit([votes[2]!]).catch((error: unknown) => error);
    await expect.poll(() => lost.store.data.has("tail")).toBe(true);
    await lost.sequencer.ledger.close();
    await pending;

    const back = await sequence(founder, lost.store);
    const replicas = await Promise.all(members.map((one, at) => replicate(one, lost.stores[at]!, back.api)));
    for (const replica of replicas) await caughtUp(replica, lost.height + 3);
    await expect(back.ledger.submit([anchor(founder, 1)])).rejects.toMatchObject({ code: "ERR_LEDGER_REJECTED" });
    expect((await back.ledger.status()).height).toBe(lost.height + 3);
    expect(lost.store.data.has("tail")).toBe(false);
    await closeAll(...replicas, back.ledger);
    const { next, others } = await takenOver(lost, []);
    await others[1]!.submit([anchor(members[2]!, 0)]);
    await closeAll(...others, next.ledger);
  });
});
