/**
 * Embedded ledger: records acknowledged per second (fsynced by the sequencer and cosigned by the quorum of 3 replicas,
 * each a process with a store of its own), the log alone, and verification of the whole ledger as an auditor does it.
 * Clients sign their batches with one signature; the same with one signature per record stands beside it, and what
 * those signatures alone cost.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifySigned } from "../../crypto/suites/signed.ts";
import { storedForm, verifyReplica } from "../../ledger/audit/replica.ts";
import type { TrustFile } from "../../ledger/audit/trust.ts";
import { admission, anchor, anchors, founding, NETWORK, testMember } from "../../ledger/conformance/fixture.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { parseProof } from "../../ledger/log/proof-text.ts";
import type { Ledger, LedgerEntry, SignedTransaction } from "../../ledger/port.ts";
import { exportTrust } from "../runtime/network/trust.ts";
import { defineBench, type Metric, percentile } from "./bench.ts";
import { appendAlone } from "./ledger-log-alone.ts";
import { startReplicas } from "./ledger-replicas.ts";

const REPLICAS = 3;
/** Signed and submitted at a time, so that the work that waits does not count as memory of the ledger. */
const CHUNK = 20_000;

const SIZES = {
  records: { full: 40_000, tiny: 60 },
  single: { full: 10_000, tiny: 30 },
  batch: { full: 250, tiny: 10 },
  clients: { full: 8, tiny: 2 },
};

type Sign = (from: number, count: number) => readonly SignedTransaction[];

export const ledgerBench = defineBench(SIZES, async ({ sizes, note }) => {
  const { records, single, batch, clients } = sizes;
  const together: Sign = (from, count) => anchors(OPERATOR, from, count);
  const apart: Sign = (from, count) => Array.from({ length: count }, (_, at) => anchor(OPERATOR, from + at));
  const parameters = { records, single, batch, clients, replicas: REPLICAS, replicaProcesses: true };
  const shared = await measure("batch", { records, batch, clients, sign: together, note });
  const own = await measure("single", { records: single, batch, clients, sign: apart, note });
  note("the log alone");
  const alone = await appendAlone(shared.entries);
  return {
    parameters,
    results: [
      { metric: "durableRecordsPerSecond", value: shared.perSecond, unit: "1/s", target: { atLeast: 5_000 } },
      { metric: "logRecordsPerSecond", value: alone, unit: "1/s", target: { atLeast: 30_000 } },
      { metric: "verifyRecordsPerSecond", value: shared.verified, unit: "1/s", target: { atLeast: 20_000 } },
      { metric: "submitP99FirstTenthMs", value: shared.p99First, unit: "ms" },
      { metric: "submitP99LastTenthMs", value: shared.p99Last, unit: "ms" },
      { metric: "memoryFirstTenthMiB", value: shared.memoryFirst, unit: "MiB" },
      { metric: "memoryLastTenthMiB", value: shared.memoryLast, unit: "MiB" },
      { metric: "durableSingleSignedPerSecond", value: own.perSecond, unit: "1/s" },
      { metric: "verifySingleSignedPerSecond", value: own.verified, unit: "1/s" },
      { metric: "signaturesPerSecondPerCore", value: signaturesPerSecond(own.entries), unit: "1/s" },
    ] satisfies Metric[],
  };
});

const OPERATOR = testMember("operator", { kind: "industry" });

interface Measured {
  readonly perSecond: number;
  readonly verified: number;
  readonly p99First: number;
  readonly p99Last: number;
  readonly memoryFirst: number;
  readonly memoryLast: number;
  /** A sample of the ledger. */
  readonly entries: readonly LedgerEntry[];
}

async function measure(
  name: string,
  work: { records: number; batch: number; clients: number; sign: Sign; note: (text: string) => void },
): Promise<Measured> {
  const members = Array.from({ length: REPLICAS }, (_, i) => testMember(`member-${i}`, { cosigner: true }));
  const folder = await mkdtemp(join(tmpdir(), `sealane-bench-${name}-`));
  const store = await openLevelStore(join(folder, OPERATOR.id));
  const now = (): number => Date.now();
  const { ledger, api } = await createSequencer({ store, network: NETWORK, identity: OPERATOR.identity, now });
  const replicas = startReplicas({ folder, network: NETWORK, sequencer: OPERATOR.id, api, members });
  try {
    await ledger.submit([founding(OPERATOR)]);
    for (const member of members) await ledger.submit([admission(OPERATOR, member)]);
    const latencies: number[] = [];
    const memory: number[] = [];
    let seconds = 0;
    for (let from = 0; from < work.records; from += CHUNK) {
      const signed = work.sign(from, Math.min(CHUNK, work.records - from));
      const started = performance.now();
      await submitAll(ledger, signed, work, latencies);
      seconds += (performance.now() - started) / 1000;
      memory.push(process.memoryUsage.rss() / 2 ** 20);
      work.note(`${name}: ${from + signed.length} records, ${Math.round((from + signed.length) / seconds)}/s`);
    }
    const verified = await verify(ledger);
    const tenth = Math.ceil(latencies.length / 10);
    return {
      perSecond: work.records / seconds,
      verified,
      p99First: percentile(latencies.slice(0, tenth), 0.99),
      p99Last: percentile(latencies.slice(-tenth), 0.99),
      memoryFirst: memory[Math.floor(memory.length / 10)]!,
      memoryLast: memory.at(-1)!,
      entries: await collect(ledger.entries(0, CHUNK)),
    };
  } finally {
    await replicas.stop();
    await ledger.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Anchors of one author follow each other, so batches are started in order and up to `clients` of them are open. */
async function submitAll(
  ledger: Ledger,
  work: readonly SignedTransaction[],
  { batch, clients }: { readonly batch: number; readonly clients: number },
  latencies: number[],
): Promise<void> {
  const open: Promise<unknown>[] = [];
  for (let at = 0; at < work.length; at += batch) {
    const started = performance.now();
    open.push(
      ledger.submit(work.slice(at, at + batch)).then(() => {
        latencies.push(performance.now() - started);
      }),
    );
    if (open.length >= clients) await open.shift();
  }
  await Promise.all(open);
}

/** Records verified per second, from the stored texts. */
async function verify(ledger: Ledger): Promise<number> {
  const { height } = await ledger.status();
  const proof = await ledger.prove(height - 1);
  if (proof.kind !== "tlog") throw new Error("the embedded ledger gives tlog proofs");
  const trust: TrustFile = await exportTrust({ ledger, network: NETWORK });
  const stored = (await collect(ledger.entries(0))).map(storedForm);
  const started = performance.now();
  const report = await verifyReplica(stored, parseProof(proof.proof).checkpoint, trust);
  const seconds = (performance.now() - started) / 1000;
  if (report.verdict !== "verified") throw new Error(`the ledger did not verify: ${JSON.stringify(report.problem)}`);
  return height / seconds;
}

/** The floor of one signature per record on one core. */
function signaturesPerSecond(entries: readonly LedgerEntry[]): number {
  const own = entries.filter(({ transaction }) => transaction.signer === OPERATOR.id).slice(0, 2_000);
  const started = performance.now();
  for (const { transaction } of own) verifySigned(OPERATOR.identity.publicKey, "transaction", transaction);
  return (own.length * 1000) / (performance.now() - started);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
