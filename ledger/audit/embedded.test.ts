/** The verifier against the real embedded ledger: a sequencer and three replicas that cosign. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { admission, anchor, founding, NETWORK, publicKeyOf, testMember } from "../conformance/fixture.ts";
import { memoryStore } from "../embedded/_memory-store.ts";
import { openReplica } from "../embedded/replica.ts";
import { createSequencer, type Sequencer } from "../embedded/sequencer.ts";
import { leafHashOf } from "../log/leaf.ts";
import { parseProof } from "../log/proof-text.ts";
import { verifyInclusion } from "../log/proofs.ts";
import type { Ledger, LedgerEntry, LedgerProof } from "../port.ts";
import { trustOf } from "./_ledger.ts";
import { collectFindings } from "./problems.ts";
import { storedForm, verifyReplica } from "./replica.ts";
import { indexTrust } from "./trust-index.ts";

const founder = testMember("operator", { kind: "industry" });
const members = ["a", "b", "c"].map((id) => testMember(id, { cosigner: true }));
let sequencer: Sequencer;
let replicas: Ledger[];
let entries: LedgerEntry[];
let proofs: LedgerProof[];

beforeAll(async () => {
  const now = () => Date.now();
  sequencer = await createSequencer({ store: memoryStore(), network: NETWORK, identity: founder.identity, now });
  replicas = await Promise.all(
    members.map(({ identity }) =>
      openReplica({
        store: memoryStore(),
        network: NETWORK,
        identity,
        sequencer: sequencer.api,
        pinnedSequencerKey: publicKeyOf(founder.identity),
        now,
        retryMs: 20,
      }),
    ),
  );
  const { ledger } = sequencer;
  await ledger.submit([founding(founder)]);
  for (const member of members) await ledger.submit([admission(founder, member)]);
  for (let i = 0; i < 8; i++) await ledger.submit([anchor(founder, i)]);
  entries = await collect(ledger);
  proofs = await Promise.all(entries.map(({ position }) => ledger.prove(position)));
});
afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.close()));
  await sequencer.ledger.close();
});

const proofAt = (position: number) => {
  const proof = proofs[position];
  if (proof?.kind !== "tlog") throw new Error("expected a tlog proof");
  return parseProof(proof.proof);
};
const trust = () => trustOf({ entries }, proofAt(entries.length - 1).checkpoint, NETWORK);

describe("the embedded ledger", () => {
  it("proves each record under a checkpoint that the pinned quorum cosigned", () => {
    const findings = collectFindings();
    const index = indexTrust(trust(), findings);
    expect(findings.problems).toEqual([]);
    for (const entry of entries) {
      const { index: at, path, checkpoint } = proofAt(entry.position);
      const opened = index.openCheckpoint(checkpoint);
      expect(opened).toMatchObject({ ok: true });
      if (!opened.ok) continue;
      const { size, root } = opened.signed.checkpoint;
      expect(at).toBe(entry.position);
      expect(verifyInclusion({ index: at, size, path }, leafHashOf(entry), root)).toBe(true);
    }
  });

  it("verifies as a whole, from any replica", async () => {
    const { checkpoint } = proofAt(entries.length - 1);
    const replicated = await followed(replicas[0]!, entries.length);
    for (const copy of [entries, replicated]) {
      const report = await verifyReplica(copy.map(storedForm), checkpoint, trust());
      expect(report).toMatchObject({ verdict: "verified", entries: 12 });
    }
  });
});

async function collect(ledger: Ledger): Promise<LedgerEntry[]> {
  const all: LedgerEntry[] = [];
  for await (const entry of ledger.entries(0)) all.push(entry);
  return all;
}

/** A record is acknowledged by a quorum: the one replica that was not needed may still be on its way. */
async function followed(ledger: Ledger, height: number): Promise<LedgerEntry[]> {
  const all: LedgerEntry[] = [];
  for await (const entry of ledger.follow(0, AbortSignal.timeout(100_000))) if (all.push(entry) === height) break;
  return all;
}
