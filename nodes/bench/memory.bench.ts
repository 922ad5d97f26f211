/**
 * Does a node's memory stay flat? Requests one after another over one network in one process, and what it holds after a
 * tenth of them and after all, each time after a full collection.
 */
import { defineBench } from "./bench.ts";
import { measuredNetwork } from "./request-network.ts";
import type { Usage } from "./request-process.ts";
import { measureRequest } from "./request-run.ts";
import { questionOf, scenarioOf } from "./request-scenario.ts";

const SIZES = {
  nodes: { full: 6, tiny: 6 },
  requests: { full: 1_000, tiny: 2 },
};
const MIB = 2 ** 20;
const PROGRESS = 50;

export const memoryBench = defineBench(SIZES, async ({ sizes, note }) => {
  const { nodes, requests } = sizes;
  const scenario = await scenarioOf(nodes);
  const [question] = scenario.requests;
  await using network = await measuredNetwork(scenario, 1, note);
  const early = Math.ceil(requests / 10);
  const usage: Usage[] = [];
  const ms: number[] = [];
  for (let at = 1; at <= requests; at += 1) {
    ms.push((await measureRequest(network, scenario, questionOf(question!, at))).ms);
    if (at === early || at === requests) usage.push(await network.usage());
    if (at % PROGRESS === 0) {
      const { rssBytes, heapBytes } = await network.usage();
      note(`${at} requests: heap ${mib(heapBytes)} MiB, resident ${mib(rssBytes)} MiB, last one ${ms.at(-1)} ms`);
    }
  }
  const [first, last] = [usage[0]!, usage.at(-1)!];
  const running = nodes + 3;
  const growth = (part: "heapBytes" | "rssBytes") =>
    (last[part] - first[part]) / Math.max(1, requests - early) / running / 1024;
  return {
    parameters: { providers: nodes, requests, early, processes: 1 },
    results: [
      { metric: "heapEarlyMiB", value: mib(first.heapBytes), unit: "MiB, all nodes" },
      { metric: "heapLateMiB", value: mib(last.heapBytes), unit: "MiB, all nodes" },
      { metric: "residentEarlyMiB", value: mib(first.rssBytes), unit: "MiB, all nodes" },
      { metric: "residentLateMiB", value: mib(last.rssBytes), unit: "MiB, all nodes" },
      { metric: "heapGrowthKiB", value: growth("heapBytes"), unit: "KiB per node and request", target: { atMost: 4 } },
      { metric: "residentGrowthKiB", value: growth("rssBytes"), unit: "KiB per node and request" },
      { metric: "requestEarlyMs", value: median(ms.slice(0, early)), unit: "ms" },
      { metric: "requestLateMs", value: median(ms.slice(-early)), unit: "ms" },
    ],
  };
});

const mib = (bytes: number): number => Math.round(bytes / MIB);
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
