/**
 * What a suite costs, and how near the planner comes. Bytes and processor time of the protocol alone in memory, for two
 * sizes; then a network of nodes per suite, a request that warms it, and one that is planned and measured. Its figures
 * are what exchange/planner/costs.ts holds (docs/decisions/451).
 */
import { createNetwork as createProtocol, names } from "../../crypto/secagg/_network.ts";
import { SUITE_IDS, type SuiteId } from "../../crypto/suites/suite.ts";
import type { Query } from "../../policies/model/query.ts";
import { createNetwork, draftOf, TOTAL } from "../computations/_network.ts";
import { yardstick } from "../computations/yardstick.ts";
import type { PlanView } from "../http/routes/requests/plan.ts";
import { type BenchOptions, defineBench, type Metric } from "./bench.ts";

type Sizes = BenchOptions<"members" | "gmMembers">["sizes"];
const WITHIN = 2;

export const planBench = defineBench(
  {
    members: { full: 100, tiny: 5 },
    /** JavaScript's SM2 takes 20 ms a pair. */
    gmMembers: { full: 20, tiny: 4 },
  },
  async ({ sizes, tiny, note }) => {
    const results: Metric[] = [{ metric: "yardstick", value: yardstick() * 1000, unit: "ms" }];
    for (const suite of SUITE_IDS) {
      for (const members of sizesOf(suite, sizes)) {
        results.push(...protocolOf(suite, members));
        note(`${suite}: ${members} members in memory`);
      }
    }
    for (const suite of tiny ? (["intl"] as const) : SUITE_IDS) {
      results.push(...(await plannedOf(suite)));
      note(`${suite}: a network of nodes`);
    }
    return { parameters: { ...sizes, cells: 1, mode: "registry" }, results };
  },
);

const sizesOf = (suite: SuiteId, { members, gmMembers }: Sizes): number[] => {
  const most = suite === "gm" ? gmMembers : members;
  return most > 11 ? [11, most] : [most];
};

/** One cell in registry mode, nobody drops out. */
function protocolOf(suite: SuiteId, count: number): Metric[] {
  const members = names(count);
  const world = {
    members,
    mode: "registry" as const,
    dimensions: [{ name: "all", size: 1 }],
    values: Object.fromEntries(members.map((member, i) => [member, [[BigInt(i + 1)]]])),
    constants: { colluders: 0, minimumOrganisations: 3, need: 3, drops: 0 },
    opened: { suite },
    sharing: true,
  };
  const before = process.cpuUsage();
  const network = createProtocol(world);
  network.run();
  const { user, system } = process.cpuUsage(before);
  if (network.decoded === undefined) throw new Error(`${suite}: ${count} members decoded nothing`);
  const bytes = { sent: 0, received: 0 };
  for (const { to, message } of network.sent) {
    if (message.type === "documents" || message.type === "result-2") continue;
    bytes[members.includes(to) ? "received" : "sent"] += JSON.stringify(message).length;
  }
  const named = (name: string) => `${suite}.${count}.${name}`;
  return [
    { metric: named("sent"), value: bytes.sent / count / 1000, unit: "kB per member" },
    { metric: named("received"), value: bytes.received / count / 1000, unit: "kB per member" },
    { metric: named("processor"), value: (user + system) / 1000 / count, unit: "ms per member" },
  ];
}

/** Estimate over measurement. */
async function plannedOf(suite: SuiteId): Promise<Metric[]> {
  let bytes = 0;
  await using network = await createNetwork({
    suite,
    observe: (_member, { body, path }) => {
      if (path.includes("/computations/")) bytes += body.length;
    },
  });
  const named = (id: string): Query => ({ ...TOTAL, measures: TOTAL.measures.map((one) => ({ ...one, id })) });
  const run = async (id: string) => {
    bytes = 0;
    const before = process.cpuUsage();
    const request = await network.submit({ query: named(id) });
    await network.state(request, ["released"]);
    await network.call("ministry", "GET", `/api/v1/requests/${request}/result`);
    const { user, system } = process.cpuUsage(before);
    return { bytes, seconds: (user + system) / 1e6 };
  };
  await run("warm");
  const runs = [await run("one"), await run("two"), await run("three")];
  const { estimate } = await network.call<PlanView>("ministry", "POST", "/api/v1/requests/plan", draftOf());
  if (estimate === undefined) throw new Error(`${suite}: nothing was planned`);
  const bytesRatio = estimate.bytes.total / runs[0]!.bytes;
  const secondsRatio = estimate.seconds.total / Math.min(...runs.map(({ seconds }) => seconds));
  return [
    ...between(`${suite}.bytes`, bytesRatio),
    ...between(`${suite}.seconds`, secondsRatio),
    { metric: `${suite}.processor`, value: Math.min(...runs.map(({ seconds }) => seconds)), unit: "s, 5 providers" },
  ];
}

const between = (name: string, ratio: number): Metric[] => [
  { metric: `${name}EstimateRatio`, value: ratio, unit: "x", target: { atMost: WITHIN } },
  { metric: `${name}MeasuredRatio`, value: 1 / ratio, unit: "x", target: { atMost: WITHIN } },
];
