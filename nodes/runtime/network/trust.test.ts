import { expect, test } from "vitest";
import { collectFindings } from "../../../ledger/audit/problems.ts";
import { storedForm, verifyReplica } from "../../../ledger/audit/replica.ts";
import { indexTrust } from "../../../ledger/audit/trust-index.ts";
import {
  admission,
  anchor,
  founding,
  NETWORK,
  publicKeyOf,
  type TestMember,
  testMember,
  transaction,
  uuid,
} from "../../../ledger/conformance/fixture.ts";
import { caughtUp, collect } from "../../../ledger/conformance/suite.ts";
import { type MemoryStore, memoryStore } from "../../../ledger/embedded/_memory-store.ts";
import { openReplica } from "../../../ledger/embedded/replica.ts";
import { createSequencer, type SequencerOptions } from "../../../ledger/embedded/sequencer.ts";
import type { SequencerApi } from "../../../ledger/embedded/sequencer-api.ts";
import { parseProof } from "../../../ledger/log/proof-text.ts";
import type { Ledger } from "../../../ledger/port.ts";
import { exportTrust } from "./trust.ts";

const founder = testMember("operator", { kind: "industry" });
const members = ["a", "b", "c"].map((id) => testMember(id, { cosigner: true })) as [TestMember, TestMember, TestMember];
const [a, b] = members;
const now = Date.now;

const sequence = (member: TestMember, store: MemoryStore, changes: Partial<SequencerOptions> = {}) =>
  createSequencer({ store, network: NETWORK, identity: member.identity, now, ...changes });
const replicate = (member: TestMember, store: MemoryStore, sequencer: SequencerApi) =>
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
const checkpointOf = async (ledger: Ledger): Promise<string> => {
  const { height } = await ledger.status();
  const proof = await ledger.prove(height - 1);
  if (proof.kind !== "tlog") throw new Error("expected a tlog proof");
  return parseProof(proof.proof).checkpoint;
};
const closeAll = (ledgers: readonly Ledger[]) => Promise.all(ledgers.map((ledger) => ledger.close()));

test("a trust file exported after a takeover verifies every checkpoint before, at and after it", async () => {
  const stores = members.map(() => memoryStore());
  const old = await sequence(founder, memoryStore());
  const replicas = await Promise.all(members.map((member, at) => replicate(member, stores[at]!, old.api)));
  await old.ledger.submit([founding(founder)]);
  for (const member of members) await old.ledger.submit([admission(founder, member)]);
  const checkpoints: string[] = [];
  await old.ledger.submit([anchor(founder, 0)]);
  checkpoints.push(await checkpointOf(old.ledger));
  const { height, root } = await old.ledger.status();
  const before = await exportTrust({ ledger: old.ledger, network: NETWORK });
  for (const replica of replicas) await caughtUp(replica, height);
  await closeAll([...replicas, old.ledger]);

  const proposal = { kind: "replace-sequencer" as const, sequencer: a.id, from: { size: height, root } };
  const votes = members.map((voter) =>
    transaction(voter, "vote.cast", { proposal, choice: "for" }, uuid(`vote of ${voter.id}`)),
  );
  const next = await sequence(a, stores[0]!, { takeover: votes });
  const others = await Promise.all(members.slice(1).map((member, at) => replicate(member, stores[at + 1]!, next.api)));
  await caughtUp(next.ledger, height + votes.length);
  checkpoints.push(await checkpointOf(next.ledger));
  for (const from of [0, 1, 2]) {
    await next.ledger.submit([anchor(b, from)]);
    checkpoints.push(await checkpointOf(next.ledger));
  }

  const trust = await exportTrust({ ledger: next.ledger, network: NETWORK });
  expect(trust.sequencers.map(({ member }) => member)).toEqual([founder.id, a.id]);
  const findings = collectFindings();
  const index = indexTrust(trust, findings);
  expect(findings.problems).toEqual([]);
  for (const checkpoint of checkpoints) expect(index.openCheckpoint(checkpoint)).toMatchObject({ ok: true });
  const stored = (await collect(next.ledger.entries(0))).map(storedForm);
  expect(await verifyReplica(stored, checkpoints.at(-1)!, trust)).toMatchObject({ verdict: "verified" });
  const atVotes = stored.slice(0, height + votes.length);
  const pinnedThere = { ...trust, checkpoint: checkpoints[1]! };
  expect(await verifyReplica(atVotes, checkpoints[1]!, pinnedThere)).toMatchObject({ verdict: "verified" });
  // Whoever pinned the old sequencer is told so, and believes nothing.
  expect(await verifyReplica(stored, checkpoints.at(-1)!, before)).toMatchObject({ verdict: "failed" });
  await closeAll([...others, next.ledger]);
});

test("an export reads the records since the one before, and says what a whole reading says", async () => {
  const { ledger } = await sequence(founder, memoryStore());
  await ledger.submit([founding(founder)]);
  let read = 0;
  const watched: Ledger = {
    ...ledger,
    async *entries(from, limit) {
      for await (const entry of ledger.entries(from, limit)) {
        read += 1;
        yield entry;
      }
    },
  };
  const readBy = async () => {
    read = 0;
    const [one, other] = await Promise.all([1, 2].map(() => exportTrust({ ledger: watched, network: NETWORK })));
    expect(one).toEqual(other);
    expect(one).toEqual(await exportTrust({ ledger: { ...ledger }, network: NETWORK }));
    return read;
  };
  expect(await readBy()).toBe(1);
  await ledger.submit(
    members.map((member) => admission(founder, { ...member, record: { ...member.record, cosigner: false } })),
  );
  await ledger.submit([transaction(founder, "member.suspend", { member: a.id, reason: "left" })]);
  expect(await readBy()).toBe(members.length + 1);
  await ledger.submit([transaction(founder, "member.reinstate", { member: a.id, reason: "back" })]);
  expect(await readBy()).toBe(1);
  expect(await readBy()).toBe(0);
  const { members: told } = await exportTrust({ ledger: watched, network: NETWORK });
  expect(told.find(({ id }) => id === a.id)?.active).toEqual([{ from: 1, until: 4 }, { from: 5 }]);
  await ledger.close();
});
