/** The requester joins a list of companies of its own with a table of the statistics bureau: sums by the groups of its list. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { verifyEvidence } from "../../ledger/audit/verify.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import type { Query } from "../../policies/model/query.ts";
import type { DemoNetwork } from "./network.ts";
import { draftOf } from "./run.ts";
import type { Scenario } from "./scenario.ts";

export interface DemoJoin {
  readonly title: Scenario["title"];
  readonly request: string;
  readonly holder: string;
  readonly state: string;
  readonly items: number;
  readonly groups: readonly JoinedGroup[];
  /** Keys and sums are those of an independent reading of both lists. */
  readonly exact: boolean;
  /** Its evidence, offline. */
  readonly verified: boolean;
  readonly ms: number;
}
interface JoinedGroup {
  readonly group: Readonly<Record<string, string>>;
  readonly keys: number;
  readonly figures: readonly { readonly measure: string; readonly value: string }[];
}
interface JoinView {
  readonly state: string;
  readonly result?: { readonly groups?: readonly JoinedGroup[] };
}
type Joined = NonNullable<Scenario["join"]>;

const POLL_MS = 40;
const TRIES = 3_000;
const MEASURES: Query["measures"] = [
  { id: "companies", statistic: { kind: "count" } },
  { id: "market-value", statistic: { kind: "sum", element: "market-value" } },
];

export async function runJoin(network: DemoNetwork, scenario: Scenario, join: Joined, now: Date): Promise<DemoJoin> {
  const startedAt = performance.now();
  const { asset, source } = join.registration;
  const holder = scenario.receiver.id;
  await network.api(holder).post("/assets", { asset, source, policy: policyFor(scenario, join, now) });
  const requester = network.api(scenario.requester.id);
  const labels = [...new Set(join.list.map(({ label }) => label))];
  const query: Query = { measures: MEASURES, groupBy: [], filters: [] };
  const { id } = await requester.post<{ id: string }>("/requests", {
    ...draftOf(scenario, { id: "join", title: join.title, query }, now),
    assets: [asset.id],
    receiverMode: "direct",
    receiver: scenario.requester.id,
    join: { element: join.element, operation: "statistics", items: join.list.length, labels },
  });
  await until(async () => {
    const { state } = await requester.get<{ state: string }>(`/requests/${id}`);
    return state === "agreed" || state === "cancelled" ? state : undefined;
  });
  await requester.post(`/requests/${id}/joins`, { items: join.list });
  const view = await until(async () => {
    const [one] = (await requester.get<{ joins: JoinView[] }>(`/requests/${id}/joins`)).joins;
    return one !== undefined && ["released", "withheld", "failed"].includes(one.state) ? one : undefined;
  });
  const groups = view?.result?.groups ?? [];
  const plain = await plainGroups(join, labels);
  const evidence = await requester.get<unknown>(`/requests/${id}/joins/evidence`);
  const trust = await network.api(scenario.operator.id).get<unknown>("/trust");
  return {
    title: join.title,
    request: id,
    holder,
    state: view?.state ?? "failed",
    items: join.list.length,
    groups,
    exact: JSON.stringify(groups) === JSON.stringify(plain),
    verified: verifyEvidence(evidence, trust).verdict === "verified",
    ms: Math.round(performance.now() - startedAt),
  };
}

/** Joins of this column, in lists and groups of as many companies as other tables of the demonstration want. */
function policyFor(scenario: Scenario, { registration, element, list }: Joined, now: Date) {
  return policyOf({
    id: `${registration.asset.id}:policy`,
    version: 1,
    asset: registration.asset.id,
    provider: scenario.receiver.id,
    purposes: [scenario.purpose.code],
    requesterKinds: ["government"],
    territories: [scenario.territory],
    validUntil: new Date(Date.UTC(now.getUTCFullYear() + 1, 11, 31)).toISOString(),
    receiverModes: ["direct"],
    approval: "none",
    coordinatorMayBeSequencer: true,
    countUnits: true,
    aggregate: { "market-value": ["sum"] },
    join: [element],
    joins: {
      operations: ["statistics"],
      leastItems: list.length,
      minimumGroup: scenario.minimumOrganisations,
      runs: 1,
    },
  });
}

/** Both lists read as they lie there, without SQL and without the code that joins. */
async function plainGroups({ registration, list }: Joined, labels: readonly string[]): Promise<readonly JoinedGroup[]> {
  const text = await readFile(registration.source.path, "utf8");
  const rows = text.trim().split("\n").slice(1);
  const values = new Map(rows.map((row) => row.split(",") as [string, string]));
  const thousandths = (value: string): bigint => BigInt(Math.round(Number(value) * 1000));
  return labels.map((label) => {
    const found = list.flatMap((one) => (one.label === label ? (values.get(one.item) ?? []) : []));
    const sum = found.reduce((total, value) => total + thousandths(value), 0n);
    const figures = [
      { measure: "companies", value: String(found.length) },
      { measure: "market-value", value: String(Number(sum) / 1000) },
    ];
    return { group: { label }, keys: found.length, figures };
  });
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  for (let tries = 0; tries < TRIES; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(POLL_MS);
  }
  return undefined;
}
