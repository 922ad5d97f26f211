/** One ledger of the benchmark: filled by its clients, then verified from the sequencer's disk. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyReplica } from "../../ledger/audit/replica.ts";
import { admission, founding, NETWORK, type TestMember, testMember } from "../../ledger/conformance/fixture.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import type { Ledger, LedgerEntry, SignedTransaction } from "../../ledger/port.ts";
import { storedLedger } from "../cli/stored-ledger.ts";
import { temporaryState } from "../cli/temporary-state.ts";
import { exportTrust } from "../runtime/network/trust.ts";
import { type Replicas, startReplicas } from "./ledger-replicas.ts";
import { type Usage, usageOf } from "./ledger-usage.ts";

/** Signed and submitted at a time, so that the work that waits does not count as memory of the ledger. */
const CHUNK = 20_000;

export interface Work {
  readonly records: number;
  /** Submitted before anything is measured. */
  readonly warmUp: number;
  readonly batch: number;
  readonly clients: number;
  readonly replicas: number;
  readonly operator: TestMember;
  readonly sign: (from: number, count: number) => readonly SignedTransaction[];
  readonly note: (text: string) => void;
}

export interface Measured {
  readonly perSecond: number;
  /** Processor time of sequencer, clients and replicas for one record, without the signing. */
  readonly cpuMicros: number;
  readonly verified: Verified;
  /** Milliseconds from handing in a batch to its acknowledgement, in order of acknowledgement. */
  readonly latencies: readonly number[];
  /** MiB of all processes together, after each chunk. */
  readonly memory: readonly number[];
  /** A sample of the ledger. */
  readonly entries: readonly LedgerEntry[];
}

export async function measureLedger(name: string, work: Work): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), `sealane-bench-${name}-`));
  try {
    const { trust, ...filled } = await fill(name, folder, work);
    work.note(`${name}: verification`);
    return { ...filled, verified: await verify(join(folder, work.operator.id), trust) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fill(name: string, folder: string, work: Work) {
  const { operator, records } = work;
  const members = Array.from({ length: work.replicas }, (_, i) => testMember(`member-${i}`, { cosigner: true }));
  const store = await openLevelStore(join(folder, operator.id));
  const now = (): number => Date.now();
  const { ledger, api } = await createSequencer({ store, network: NETWORK, identity: operator.identity, now });
  const replicas = startReplicas({ folder, network: NETWORK, sequencer: operator.id, api, members });
  try {
    await ledger.submit([founding(operator)]);
    for (const member of members) await ledger.submit([admission(operator, member)]);
    const latencies: number[] = [];
    const memory: number[] = [];
    let seconds = 0;
    let cpuMs = 0;
    for (let from = 0; from < work.warmUp; from += CHUNK) {
      await submitAll(ledger, work.sign(from, Math.min(CHUNK, work.warmUp - from)), work, []);
    }
    for (let from = 0; from < records; from += CHUNK) {
      const signed = work.sign(work.warmUp + from, Math.min(CHUNK, records - from));
      const before = await usage(replicas);
      const started = performance.now();
      await submitAll(ledger, signed, work, latencies);
      seconds += (performance.now() - started) / 1000;
      const after = await usage(replicas);
      cpuMs += after.cpuMs - before.cpuMs;
      memory.push(after.memoryMiB);
      const end = from + signed.length;
      work.note(`${name}: ${end} records, ${Math.round(end / seconds)}/s, ${Math.round(after.memoryMiB)} MiB`);
    }
    return {
      ...{ perSecond: records / seconds, cpuMicros: (cpuMs * 1000) / records, latencies, memory },
      entries: await collect(ledger.entries(members.length + 1, CHUNK)),
      trust: await exportTrust({ ledger, network: NETWORK }),
    };
  } finally {
    await replicas.stop();
    await ledger.close();
  }
}

async function usage(replicas: Replicas): Promise<Usage> {
  const all = [usageOf(), ...(await replicas.usage())];
  const sum = (part: keyof Usage) => all.reduce((total, one) => total + one[part], 0);
  return { memoryMiB: sum("memoryMiB"), cpuMs: sum("cpuMs") };
}

/** Anchors of one author follow each other, so batches are started in order and up to `clients` of them are open. */
async function submitAll(
  ledger: Ledger,
  signed: readonly SignedTransaction[],
  { batch, clients }: Work,
  latencies: number[],
): Promise<void> {
  const open: Promise<unknown>[] = [];
  for (let at = 0; at < signed.length; at += batch) {
    const started = performance.now();
    open.push(
      ledger.submit(signed.slice(at, at + batch)).then(() => {
        latencies.push(performance.now() - started);
      }),
    );
    if (open.length >= clients) await open.shift();
  }
  await Promise.all(open);
}

export interface Verified {
  readonly perSecond: number;
  /** Processor time of all threads for one record. */
  readonly cpuMicros: number;
}

/** Verification of all records, read from the store as `sealane audit ledger` does. */
async function verify(location: string, trust: unknown): Promise<Verified> {
  const stored = await storedLedger(await openLevelStore(location));
  const state = temporaryState();
  try {
    const started = performance.now();
    const before = usageOf();
    const report = await verifyReplica(stored.entries, stored.checkpoint, trust, state);
    const seconds = (performance.now() - started) / 1000;
    const cpuMs = usageOf().cpuMs - before.cpuMs;
    if (report.verdict !== "verified") throw new Error(`the ledger did not verify: ${JSON.stringify(report.problem)}`);
    return { perSecond: report.entries / seconds, cpuMicros: (cpuMs * 1000) / report.entries };
  } finally {
    await state.close();
    await stored.close();
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
