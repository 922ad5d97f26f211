/**
 * The ledger on a Fabric network of 3 organisations on this machine, a majority of which endorses, blocks every 50 ms:
 * latency of one submitter that waits for each of its batches, records per second of many, and what the node's client
 * (outbox, replica, entries) costs beside bare calls of the Gateway with the same batches, taken in turns. Needs Fabric's
 * programs; all of it, peers included, runs on the same cores.
 */

import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { anchors, founding } from "../../ledger/conformance/fixture.ts";
import { connectGateway } from "../../ledger/fabric/gateway.ts";
import type { Ledger, SignedTransaction } from "../../ledger/port.ts";
import { type FabricClient, startScratchFabric } from "../fabric/_network.ts";
import { findBinaries } from "../fabric/binaries.ts";
import { defineBench, type Metric, percentile } from "./bench.ts";
import { fabricMetrics, fabricUsage } from "./fabric-usage.ts";
import { usageOf } from "./ledger-usage.ts";

const SIZES = {
  rounds: { full: 20, tiny: 2 },
  records: { full: 20_000, tiny: 20 },
  clients: { full: 16, tiny: 2 },
};
const BATCHES = [1, 10, 100];

export const ledgerOnFabricBench = defineBench(SIZES, async ({ sizes, note }) => {
  const { rounds, records, clients } = sizes;
  const binaries = await findBinaries(process.env);
  note(`a network of Fabric ${binaries.version}`);
  await using fabric = await startScratchFabric(binaries, {
    organisations: 3,
    orderers: 1,
    endorsement: "majority",
  });
  const chaincode = await fabric.deploy();
  const [operator] = fabric.clients as [FabricClient, ...FabricClient[]];
  const ledger = await fabric.open(operator, chaincode);
  try {
    await ledger.submit([founding(operator.member)]);
    const next = batchesOf(operator);
    const usage = async () => ({ own: usageOf().cpuMs, ...(await fabricUsage(fabric.network)) });
    const results: Metric[] = [];
    for (const batch of BATCHES) {
      note(`batches of ${batch}`);
      const alone = await timesOf(rounds, async () => {
        await ledger.submit(next(batch));
      });
      const before = await usage();
      const perSecond = await rateOf(ledger, next, { batch, clients, records: Math.min(records, 200 * batch) });
      results.push(
        { metric: `submit${batch}P50Ms`, value: percentile(alone, 0.5), unit: "ms, one submitter" },
        { metric: `submit${batch}P95Ms`, value: percentile(alone, 0.95), unit: "ms, one submitter" },
        {
          metric: `batch${batch}RecordsPerSecond`,
          value: perSecond,
          unit: `1/s, ${clients} submitters`,
          ...(batch === 100 ? { target: { atLeast: 2_000 } } : {}),
        },
      );
      if (batch === 100) {
        const [after, count] = [await usage(), Math.min(records, 200 * batch)];
        results.push(
          { metric: "recordNodeCpuMs", value: (after.own - before.own) / count, unit: "ms" },
          ...fabricMetrics(before, after, count, "record"),
        );
      }
    }
    note("beside bare calls of the Gateway");
    const bare = bareSubmitter(operator, chaincode);
    const own: number[] = [];
    const others: number[] = [];
    for (let round = 0; round < 2 * rounds; round += 1) {
      others.push(...(await timesOf(1, () => bare.submit(next(10)))));
      await caughtUp(ledger);
      own.push(...(await timesOf(1, async () => void (await ledger.submit(next(10))))));
    }
    bare.close();
    results.push({
      metric: "clientOverhead",
      value: percentile(own, 0.5) / percentile(others, 0.5) - 1,
      unit: "of a bare call, batches of 10",
      target: { atMost: 0.15 },
    });
    return {
      parameters: { fabric: binaries.version, organisations: 3, batchTimeoutMs: 50, rounds, records, clients },
      results,
    };
  } finally {
    await ledger.close();
  }
});

/** Records of one member that follow each other, whoever hands them in. */
function batchesOf({ member }: FabricClient): (count: number) => readonly SignedTransaction[] {
  let from = 0;
  return (count) => {
    from += count;
    return anchors(member, from - count, count);
  };
}

async function timesOf(rounds: number, work: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const from = performance.now();
    await work();
    times.push(performance.now() - from);
  }
  return times;
}

/** Submitters hand in batch after batch; records of one member are in order, so batches are made in the order of handing in. */
async function rateOf(
  ledger: Ledger,
  next: (count: number) => readonly SignedTransaction[],
  { batch, clients, records }: { readonly batch: number; readonly clients: number; readonly records: number },
): Promise<number> {
  let left = records;
  const from = performance.now();
  const submitter = async () => {
    while (left > 0) {
      left -= batch;
      await ledger.submit(next(batch));
    }
  };
  await Promise.all(Array.from({ length: clients }, submitter));
  return (Math.ceil(records / batch) * batch * 1_000) / (performance.now() - from);
}

function bareSubmitter({ profile, client, member }: FabricClient, chaincode: string) {
  const gateway = connectGateway({ ...profile, chaincode }, profile.gateways[0]!, client, Date.now);
  const call = JSON.stringify({ member: member.id, code: codeDigest() });
  return {
    async submit(transactions: readonly SignedTransaction[]) {
      const endorsed = await gateway.endorse([call, ...transactions.map((one) => canonicalJson(one))]);
      await endorsed.submit();
      const { code, name } = await endorsed.status();
      if (code !== 0) throw new Error(`bare call: ${name}`);
    },
    close: gateway.close,
  };
}

/** The node's replica has seen what was handed in beside it: a repeat of the last record says so. */
async function caughtUp(ledger: Ledger): Promise<void> {
  const { height } = await ledger.status();
  const signal = AbortSignal.timeout(10_000);
  for await (const { position } of ledger.follow(height, signal)) if (position >= height) return;
}
