/** Processor time of a development network's own processes: user and system, since each began. Linux only. */
import { readFile } from "node:fs/promises";
import type { StoredNetwork } from "../fabric/init-network.ts";
import { chaincodeName, ordererName, peerName } from "../fabric/network-processes.ts";
import { livePid } from "../fabric/processes.ts";
import type { Metric } from "./bench.ts";

/** Milliseconds. */
export interface FabricUsage {
  readonly peers: number;
  readonly chaincode: number;
  readonly orderers: number;
}

/** USER_HZ of Linux, whatever its own clock is: see proc(5). */
const TICK_MS = 10;

export async function fabricUsage({ plan, layout }: StoredNetwork): Promise<FabricUsage> {
  const of = async (names: readonly string[]) => {
    const each = await Promise.all(names.map(async (name) => cpuMsOf(await livePid(layout.record(name)))));
    return each.reduce((sum, ms) => sum + ms, 0);
  };
  return {
    peers: await of(plan.organisations.map(peerName)),
    chaincode: await of(plan.organisations.map(chaincodeName)),
    orderers: await of(plan.orderers.map(ordererName)),
  };
}

/** For each of `count` records or requests between two readings. */
export function fabricMetrics(before: FabricUsage, after: FabricUsage, count: number, prefix: string): Metric[] {
  const of = (who: keyof FabricUsage, metric: string, unit: string): Metric => ({
    metric: `${prefix}${metric}`,
    value: (after[who] - before[who]) / count,
    unit,
  });
  return [
    of("peers", "PeersCpuMs", "ms, all peers"),
    of("chaincode", "ChaincodeCpuMs", "ms, all chaincode servers"),
    of("orderers", "OrderersCpuMs", "ms, all orderers"),
  ];
}

async function cpuMsOf(pid: number | undefined): Promise<number> {
  if (pid === undefined) throw new Error("fabric: a process of the network has ended");
  const line = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold anything; utime is field 14, stime field 15.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
