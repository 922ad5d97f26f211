/**
 * One request whose vector is far longer than a chunk: sketches of distinct values in many cells, over HTTPS, every node
 * in a process of its own. What each role's process grows by at its peak, against what it may hold (docs/decisions/107).
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHUNK_WORDS } from "../../crypto/secagg/constants.ts";
import { REGISTERS, ranksFor } from "../../exchange/statistics/registers.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { policyFor } from "../demo/policy.ts";
import { loadScenario, type Provider, type Scenario } from "../demo/scenario.ts";
import { defineBench } from "./bench.ts";
import { type MeasuredNetwork, measuredNetwork } from "./request-network.ts";
import { measureRequest } from "./request-run.ts";

const SIZES = { words: { full: 10_000_000, tiny: 20_000 } };
const PROVIDERS = ["one", "two", "three"] as const;
/** Fewer are less than the slack: nothing could fail. */
const TARGETS_FROM = 10_000_000;
const MIB = 2 ** 20;
/** Of V8, TLS, JSON of cells and what is freed but not yet given back. */
const SLACK_MIB = 192;

export const vectorsBench = defineBench(SIZES, async ({ sizes, tiny, note }) => {
  const cells = cellsFor(sizes.words);
  const words = cells * wordsPerCell(cells);
  const dir = await mkdtemp(join(tmpdir(), "sealane-vectors-"));
  try {
    const scenario = await scenarioIn(dir, cells);
    const processes = tiny ? 1 : PROVIDERS.length + 3;
    await using network = await measuredNetwork(scenario, processes, note, { policy: policyWithSketches });
    note(`${cells} cells, ${words} words, ${Math.ceil(words / CHUNK_WORDS)} chunks of each provider`);
    const roles = { member: PROVIDERS[0], coordinator: scenario.operator.id, receiver: scenario.receiver.id };
    const before = await peaks(network, roles);
    const { ms, document } = await measureRequest(network, scenario, scenario.requests[0]!);
    const after = await peaks(network, roles);
    const grown = (role: keyof typeof roles) => Math.round((after[role].peakBytes - before[role].rssBytes) / MIB);
    const vector = (words * 8) / MIB;
    const atMost = (vectors: number) =>
      words < TARGETS_FROM ? {} : { target: { atMost: Math.round(vectors * vector + SLACK_MIB) } };
    return {
      parameters: { words, cells, providers: PROVIDERS.length, processes, vectorMiB: Math.round(vector) },
      results: [
        { metric: "memberPeakMiB", value: grown("member"), unit: "MiB more", ...atMost(2) },
        { metric: "coordinatorPeakMiB", value: grown("coordinator"), unit: "MiB more", ...atMost(0) },
        { metric: "receiverPeakMiB", value: grown("receiver"), unit: "MiB more", ...atMost(2) },
        { metric: "requestMs", value: ms, unit: "ms" },
        { metric: "figures", value: document.cells.length, unit: "figures" },
      ],
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

const wordsPerCell = (cells: number): number => REGISTERS * ranksFor(cells * PROVIDERS.length) + 1;

/** Fewest cells that give so many words: every provider has one row in each. */
function cellsFor(words: number): number {
  let cells = 1;
  while (cells * wordsPerCell(cells) < words) cells += 1;
  return cells;
}

async function peaks<R extends Record<string, string>>(network: MeasuredNetwork, roles: R) {
  const found = await Promise.all(
    Object.entries(roles).map(async ([role, member]) => [role, await network.usageOf(member)] as const),
  );
  return Object.fromEntries(found) as { readonly [K in keyof R]: Awaited<ReturnType<MeasuredNetwork["usageOf"]>> };
}

/** The demonstration's frame with three providers, whose tables hold a number and a code in every cell. */
async function scenarioIn(dir: string, cells: number): Promise<Scenario> {
  const scenario = await loadScenario("grunfeld");
  const codes = Array.from({ length: cells }, (_, i) => `c${i}`);
  const providers = await Promise.all(
    PROVIDERS.map(async (id, at): Promise<Provider> => {
      const path = join(dir, `${id}.csv`);
      await writeFile(path, `cell,amount\n${codes.map((code, i) => `${code},${1 + ((i + at) % 9)}`).join("\n")}\n`);
      return {
        ...scenario.providers[at]!,
        id,
        organisation: `bench:${id}`,
        holdingGroup: id,
        registration: {
          source: { kind: "csv", path },
          asset: {
            id: `${id}:cells`,
            title: { en: `Cells of ${id}` },
            keywords: [],
            fields: [
              { name: "cell", element: "cell", type: "code", codeTable: "cells" },
              { name: "amount", element: "amount", type: "integer", bounds: { minimum: "0", maximum: "1000" } },
            ],
            codeTables: { cells: codes.map((code) => ({ code })) },
            unit: { kind: "provider" },
            unitDomain: `${id}-units`,
            grade: { legal: "general", level: "L1" },
          },
        },
      };
    }),
  );
  const measures = [
    { id: "amount", statistic: { kind: "sum" as const, element: "amount" } },
    { id: "codes", statistic: { kind: "distinct" as const, element: "cell" } },
  ];
  const query = { measures, groupBy: [{ element: "cell" }], filters: [] };
  const title = { en: "Cells", "zh-CN": "单元格" };
  return {
    ...scenario,
    minimumOrganisations: 3,
    colluders: 0,
    providers,
    requests: [{ id: "cells", title, query }],
  };
}

function policyWithSketches(scenario: Scenario, provider: Provider, now: Date): Policy {
  const policy = policyFor(scenario, provider, now);
  const distinct = {
    action: "aggregate",
    constraint: [
      { leftOperand: "sealane:element", operator: "isAnyOf", rightOperand: ["cell"] },
      { leftOperand: "sealane:function", operator: "isAnyOf", rightOperand: ["distinct"] },
    ],
  };
  return { ...policy, permission: [...policy.permission, distinct] } as Policy;
}
