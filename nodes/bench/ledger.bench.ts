/** Embedded ledger: records acknowledged per second (fsynced and cosigned by the quorum of 3 replicas), and verified. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyReplica } from "../../ledger/audit/replica.ts";
import type { TrustFile } from "../../ledger/audit/trust.ts";
import { admission, anchor, founding, NETWORK, publicKeyOf, testMember } from "../../ledger/conformance/fixture.ts";
import { openReplica } from "../../ledger/embedded/replica.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { parseProof } from "../../ledger/log/proof-text.ts";
import type { Ledger, LedgerEntry, SignedTransaction } from "../../ledger/port.ts";
import { exportTrust } from "../runtime/network/trust.ts";
import { defineBench } from "./bench.ts";

const REPLICAS = 3;

const SIZES = {
  records: { full: 20_000, tiny: 60 },
  batch: { full: 250, tiny: 10 },
  clients: { full: 4, tiny: 2 },
};

export const ledgerBench = defineBench(SIZES, async ({ sizes, note }) => {
  const { records, batch, clients } = sizes;
  const operator = testMember("operator", { kind: "industry" });
  const members = Array.from({ length: REPLICAS }, (_, i) => testMember(`member-${i}`, { cosigner: true }));
  const folder = await mkdtemp(join(tmpdir(), "sealane-bench-"));
  const now = (): number => Date.now();
  const store = await openLevelStore(join(folder, operator.id));
  const { ledger, api } = await createSequencer({ store, network: NETWORK, identity: operator.identity, now });
  const replicas: Ledger[] = [];
  try {
    await ledger.submit([founding(operator)]);
    for (const member of members) {
      await ledger.submit([admission(operator, member)]);
      const replica = await openReplica({
        store: await openLevelStore(join(folder, member.id)),
        network: NETWORK,
        identity: member.identity,
        sequencer: api,
        pinnedSequencerKey: publicKeyOf(operator.identity),
        now,
      });
      replicas.push(replica);
    }
    note(`signing ${records} transactions`);
    const work = Array.from({ length: records }, (_, i) => anchor(operator, i));
    const started = performance.now();
    await submitAll(ledger, work, batch, clients);
    const seconds = (performance.now() - started) / 1000;

    const entries: LedgerEntry[] = [];
    for await (const entry of ledger.entries(0)) entries.push(entry);
    const { checkpoint, trust } = await pinned(ledger);
    const verifying = performance.now();
    const report = await verifyReplica(entries, checkpoint, trust);
    const verifySeconds = (performance.now() - verifying) / 1000;
    if (report.verdict !== "verified") throw new Error(`the ledger did not verify: ${JSON.stringify(report.problem)}`);
    return {
      parameters: { records, batch, clients, replicas: REPLICAS },
      results: [
        { metric: "durableRecordsPerSecond", value: records / seconds, unit: "1/s", target: { atLeast: 5_000 } },
        {
          metric: "verifyRecordsPerSecond",
          value: entries.length / verifySeconds,
          unit: "1/s",
          target: { atLeast: 20_000 },
        },
      ],
    };
  } finally {
    for (const replica of replicas) await replica.close();
    await ledger.close();
    await rm(folder, { recursive: true, force: true });
  }
});

/** Anchors of one author follow each other, so batches are started in order and up to `clients` of them are open. */
async function submitAll(
  ledger: Ledger,
  work: readonly SignedTransaction[],
  batch: number,
  clients: number,
): Promise<void> {
  const open: Promise<unknown>[] = [];
  for (let at = 0; at < work.length; at += batch) {
    open.push(ledger.submit(work.slice(at, at + batch)));
    if (open.length >= clients) await open.shift();
  }
  await Promise.all(open);
}

async function pinned(ledger: Ledger): Promise<{ checkpoint: string; trust: TrustFile }> {
  const { height } = await ledger.status();
  const proof = await ledger.prove(height - 1);
  if (proof.kind !== "tlog") throw new Error("the embedded ledger gives tlog proofs");
  return { checkpoint: parseProof(proof.proof).checkpoint, trust: await exportTrust({ ledger, network: NETWORK }) };
}
