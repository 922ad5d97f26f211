/**
 * A whole request over real HTTPS with fsync and automatic approval, from submission to the result that the requester
 * fetched and verified: three public bodies and `--nodes` providers, each node a process of its own unless `--processes`
 * says otherwise.
 */
import type { Method } from "../../policies/model/request.ts";
import { compare, plainCells, readTables } from "../demo/compare.ts";
import type { DemoFabric } from "../demo/fabric-network.ts";
import { membersOf } from "../demo/network.ts";
import { type BenchOptions, type BenchRun, defineBench, type Metric, percentile } from "./bench.ts";
import { fabricMetrics, fabricUsage } from "./fabric-usage.ts";
import { measuredNetwork } from "./request-network.ts";
import { type Measured, measureRequest } from "./request-run.ts";
import { policyWithOutputRules, questionOf, scenarioOf } from "./request-scenario.ts";

const SIZES = {
  nodes: { full: 11, tiny: 6 },
  requests: { full: 20, tiny: 1 },
  /** 1: every question is asked under the homomorphic envelope too, after the same under masks. */
  bfv: { full: 0, tiny: 0 },
  /** 1: every question is also asked of a second network, whose policies state every output rule. Embedded ledger. */
  rules: { full: 0, tiny: 0 },
  /**
   * At most one for each node. Nodes that share a process share what it remembers, verified statements above all, so
   * fewer make the figures better than those of a network.
   */
  processes: { full: 1_000, tiny: 1 },
};
/** The first requests meet engines that start and code that is not compiled yet, in every process. */
const WARM_UP = 30;

export const requestBench = defineBench(SIZES, (options) => measure(options));
/** The same on a Fabric network of three organisations on this machine, blocks every 50 ms. Needs Fabric's programs. */
export const requestOnFabricBench = defineBench(SIZES, async (options) => {
  const { startDemoFabric } = await import("../demo/fabric-network.ts");
  const members = membersOf(await scenarioOf(options.sizes.nodes)).map(({ id }) => id);
  const fabric = await startDemoFabric(members, { env: process.env, signal: new AbortController().signal });
  try {
    options.note(`a network of Fabric ${fabric.version}`);
    return await measure(options, fabric);
  } finally {
    await fabric.close();
  }
});

async function measure(
  { tiny, sizes, note }: BenchOptions<keyof typeof SIZES>,
  fabric?: DemoFabric,
): Promise<BenchRun> {
  const { nodes, requests } = sizes;
  const scenario = await scenarioOf(nodes);
  const processes = Math.min(sizes.processes, membersOf(scenario).length);
  const tables = await readTables(scenario);
  const [question] = scenario.requests;
  await using network = await measuredNetwork(scenario, processes, note, fabric === undefined ? {} : { fabric });
  await using ruled =
    sizes.rules === 1 ? await measuredNetwork(scenario, processes, note, { policy: policyWithOutputRules }) : undefined;

  /** Another question each: an answer that is there already would be given again. */
  let questions = 0;
  async function run(method: Method = "mask", on = network): Promise<Measured> {
    const at = questions++;
    const request = { ...questionOf(question!, at), ...(method === "mask" ? {} : { method }) };
    const measured = await measureRequest(on, scenario, request);
    const { exact } = compare(measured.document.cells, plainCells(scenario, request, tables));
    if (!exact) throw new Error(`request ${at}: a released figure is not the plain one`);
    note(`request ${at}: ${measured.ms} ms; ${textOf(measured.steps)}`);
    return measured;
  }
  // A few requests of many nodes would be over before such a warm-up is.
  const warmUp = tiny ? 0 : Math.min(WARM_UP, requests);
  for (let at = 0; at < warmUp; at += 1) {
    await run();
    if (sizes.bfv === 1) await run("bfv");
    if (ruled !== undefined) await run("mask", ruled);
  }
  const before = await network.usage();
  const fabricBefore = fabric && (await fabricUsage(fabric.network));
  const commitsBefore = await network.commits();
  const all: Measured[] = [];
  const sealed: Measured[] = [];
  const judged: Measured[] = [];
  for (let at = 0; at < requests; at += 1) {
    all.push(await run());
    if (sizes.bfv === 1) sealed.push(await run("bfv"));
    if (ruled !== undefined) judged.push(await run("mask", ruled));
  }
  const after = await network.usage();
  const fabricAfter = fabric && (await fabricUsage(fabric.network));
  const commits = (await network.commits()) - commitsBefore;

  const samples = all.map(({ ms }) => ms);
  const perRequest = (total: number) => total / (requests + sealed.length);
  const spent = Object.entries(after.traffic).map(([path, { calls, bytes }]) => ({
    path,
    calls: perRequest(calls - (before.traffic[path]?.calls ?? 0)),
    bytes: perRequest(bytes - (before.traffic[path]?.bytes ?? 0)),
  }));
  const total = (of: "calls" | "bytes") => spent.reduce((sum, one) => sum + one[of], 0);
  for (const { path, calls, bytes } of spent.filter((one) => one.calls > 0).sort((a, b) => b.calls - a.calls)) {
    note(`${calls.toFixed(1).padStart(6)} calls ${(bytes / 1000).toFixed(0).padStart(6)} kB  ${path}`);
  }
  const results: Metric[] = [
    ...besides("bfvP50Ms", "bfvToMask", 2, sealed, samples),
    ...besides("rulesP50Ms", "rulesToPlain", 1.3, judged, samples),
    {
      metric: "requestP50Ms",
      value: percentile(samples, 0.5),
      unit: "ms",
      target: { atMost: fabric === undefined ? 500 : 3_000 },
    },
    { metric: "requestP95Ms", value: percentile(samples, 0.95), unit: "ms" },
    ...Object.keys(all[0]!.steps).map((step) => ({
      metric: `${step}Ms`,
      value: percentile(
        all.map(({ steps }) => steps[step] ?? 0),
        0.5,
      ),
      unit: "ms",
    })),
    { metric: "cpuMsPerRequest", value: perRequest(after.cpuMs - before.cpuMs), unit: "ms, all nodes" },
    ...(fabricBefore && fabricAfter
      ? fabricMetrics(fabricBefore, fabricAfter, requests + sealed.length, "request")
      : []),
    { metric: "peerCallsPerRequest", value: total("calls"), unit: "calls" },
    { metric: "peerBytesPerRequest", value: total("bytes"), unit: "bytes" },
    {
      metric: "ledgerCommitsPerRequest",
      value: perRequest(commits),
      unit: fabric === undefined ? "group commits" : "calls of the chaincode",
    },
  ];
  const cosigners = scenario.providers.filter(({ cosigner }) => cosigner).length + 3;
  return {
    parameters: {
      providers: nodes,
      requests,
      processes,
      ...(fabric === undefined ? { cosigners, ledger: "embedded" } : { ledger: `Fabric ${fabric.version}` }),
      approval: "automatic",
    },
    results,
  };
}

/** Medians of the questions asked both ways; nothing where they were not. */
function besides(
  metric: string,
  ratio: string,
  atMost: number,
  others: readonly Measured[],
  samples: readonly number[],
): readonly Metric[] {
  if (others.length === 0) return [];
  const p50 = percentile(
    others.map(({ ms }) => ms),
    0.5,
  );
  return [
    { metric, value: p50, unit: "ms" },
    { metric: ratio, value: p50 / percentile(samples, 0.5), unit: "x", target: { atMost } },
  ];
}

const textOf = (steps: Readonly<Record<string, number>>): string =>
  Object.entries(steps)
    .map(([step, ms]) => `${step} ${ms}`)
    .join(", ");
