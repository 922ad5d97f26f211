/**
 * Offline verification of transactions of a Fabric network, on one core: creator, two endorsements, hashes, policy. The
 * recorded blocks of the tests, over and over; certificates are looked at once, as they are in a bundle.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { examineFabric } from "../../ledger/audit/examined-fabric.ts";
import type { FabricPart, PinnedFabric } from "../../ledger/audit/fabric-bundle.ts";
import { readChannelConfig } from "../../ledger/audit/fabric-channel.ts";
import { verifyCall } from "../../ledger/audit/fabric-transaction.ts";
import { defineBench } from "./bench.ts";

const RECORDED = new URL("../../ledger/audit/vectors/fabric.json.gz", import.meta.url);
const WARM_UP = 200;

export const auditBench = defineBench(
  { transactions: { full: 6_000, tiny: 20 }, bundles: { full: 20, tiny: 1 } },
  async ({ sizes: { transactions, bundles } }) => {
    const { part, pinned } = JSON.parse(gunzipSync(readFileSync(RECORDED)).toString("utf8")) as {
      part: FabricPart;
      pinned: PinnedFabric;
    };
    const envelope = (at: number) => Buffer.from(part.blocks.at(at)?.data[0] ?? "", "base64url");
    const config = readChannelConfig(envelope(0));
    const policy = config.endorsementPolicy(Buffer.from(pinned.policy, "base64url"));
    const call = envelope(-1);
    const verify = (times: number) => {
      for (let at = 0; at < times; at++) verifyCall(call, config, () => policy);
    };
    verify(WARM_UP);
    const seconds = processorSeconds(() => verify(transactions));
    const bundleSeconds = processorSeconds(() => {
      for (let at = 0; at < bundles; at++) examineFabric(part, pinned);
    });
    return {
      parameters: {
        transactions,
        bytes: call.length,
        signaturesPerTransaction: 3,
        blocksPerBundle: part.blocks.length,
      },
      results: [
        {
          metric: "fabricTransactions",
          value: transactions / seconds,
          unit: "/s per core",
          target: { atLeast: 2_000 },
        },
        { metric: "fabricBlocksMs", value: (bundleSeconds / bundles) * 1_000, unit: "ms per bundle" },
      ],
    };
  },
);

function processorSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return Math.max(1, user + system) / 1e6;
}
