import { expect, test } from "vitest";
import { signingIdentity, signStatement } from "../../../crypto/suites/signed.ts";
import type { SuiteId } from "../../../crypto/suites/suite.ts";
import { storedForm, verifyReplica } from "../../../ledger/audit/replica.ts";
import {
  admission,
  anchor,
  founding,
  keyRecordOf,
  NETWORK,
  publicKeyOf,
  type TestMember,
  testMember,
  transaction,
} from "../../../ledger/conformance/fixture.ts";
import { caughtUp, collect } from "../../../ledger/conformance/suite.ts";
import { type MemoryStore, memoryStore } from "../../../ledger/embedded/_memory-store.ts";
import { openReplica } from "../../../ledger/embedded/replica.ts";
import { createSequencer } from "../../../ledger/embedded/sequencer.ts";
import type { SequencerApi } from "../../../ledger/embedded/sequencer-api.ts";
import { exportTrust } from "./trust.ts";

const now = Date.now;
const sequence = (member: TestMember, store: MemoryStore) =>
  createSequencer({ store, network: NETWORK, identity: member.identity, now });
const replicate = (member: TestMember, store: MemoryStore, sequencer: SequencerApi, founder: TestMember) =>
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

/** The same member under a new key, and the record that brings it. */
function rotated(member: TestMember, suite: SuiteId) {
  const identity = signingIdentity(member.id, suite, new Uint8Array(32).fill(member.id.length));
  const statement = { member: member.id, replaces: member.identity.key, next: identity.key };
  const proof = signStatement(identity, "application", statement);
  const record = transaction(member, "key.rotate", { next: keyRecordOf(identity), proof });
  return { member: { ...member, identity }, record };
}

test.each<readonly [SuiteId, SuiteId]>([
  ["intl", "gm"],
  ["gm", "intl"],
  ["intl", "intl-pq"],
  ["intl-pq", "gm"],
])("a ledger founded on %s goes on under %s, key by key, and an auditor verifies all of it", async (from, to) => {
  const founder = testMember("operator", { kind: "industry" }, from);
  const member = testMember("member", { cosigner: true }, from);
  const stores = [memoryStore(), memoryStore()] as const;
  const first = await sequence(founder, stores[0]);
  const replica = await replicate(member, stores[1], first.api, founder);
  await first.ledger.submit([founding(founder)]);
  await first.ledger.submit([admission(founder, member)]);
  await first.ledger.submit([anchor(member, 0)]);
  const operator = rotated(founder, to);
  await first.ledger.submit([operator.record]);
  await caughtUp(replica, 4);
  await first.ledger.close();
  await replica.close();

  const second = await sequence(operator.member, stores[0]);
  const again = await replicate(member, stores[1], second.api, founder);
  const follower = rotated(member, to);
  await second.ledger.submit([follower.record]);
  await caughtUp(again, 5);
  await again.close();
  const third = await replicate(follower.member, stores[1], second.api, founder);
  await second.ledger.submit([anchor(follower.member, 1)]);
  await caughtUp(third, 6);

  const trust = await exportTrust({ ledger: third, network: NETWORK });
  expect(trust.members.map(({ keys }) => keys.map(({ suite }) => suite))).toEqual([
    [from, to],
    [from, to],
  ]);
  const entries = (await collect(third.entries(0))).map(storedForm);
  expect(await verifyReplica(entries, trust.checkpoint ?? "", trust)).toMatchObject({ verdict: "verified" });
  await third.close();
  await second.ledger.close();
});

test.each<SuiteId>(["intl", "gm", "intl-pq"])(
  "a replica that pinned another key takes nothing of a ledger founded on %s",
  async (suite) => {
    const founder = testMember("operator", { kind: "industry" }, suite);
    const sequencer = await sequence(founder, memoryStore());
    await sequencer.ledger.submit([founding(founder)]);
    const refused = Promise.withResolvers<unknown>();
    const member = testMember("member", {}, suite);
    const replica = await openReplica({
      store: memoryStore(),
      network: NETWORK,
      identity: member.identity,
      sequencer: sequencer.api,
      pinnedSequencerKey: publicKeyOf(member.identity),
      now,
      retryMs: 10,
      pollMs: 100,
      onTrouble: refused.resolve,
    });
    expect(String(await refused.promise)).toContain("not signed by the sequencer's key");
    expect((await replica.status()).height).toBe(0);
    await replica.close();
    await sequencer.ledger.close();
  },
);
