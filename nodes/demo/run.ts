/** The main job, from an empty folder to verified evidence, by the same management interface that people use. */
import { setTimeout as sleep } from "node:timers/promises";
import type { PlainTable } from "../../exchange/statistics/plain.ts";
import type { EvidenceBundle } from "../../ledger/audit/bundle.ts";
import type { ResultDocument } from "../../ledger/audit/result.ts";
import { verifyEvidence } from "../../ledger/audit/verify.ts";
import type { Verdict } from "../../policies/model/verdict.ts";
import type { ReviewBriefView, ReviewView } from "../http/routes/reviews/schemas.ts";
import { type ComparedCell, compare, plainCells } from "./compare.ts";
import { type DemoNetwork, membersOf } from "./network.ts";
import { policyFor } from "./policy.ts";
import type { Scenario, ScenarioRequest } from "./scenario.ts";

export interface DemoRequest {
  readonly id: string;
  readonly title: ScenarioRequest["title"];
  /** Ledger id. */
  readonly request: string;
  /** `refused` when every provider refused, by its policy or by what it has released before. */
  readonly state: "released" | "withheld" | "failed" | "refused";
  /** Reason codes of a refusal, a withholding or a failure, each once. */
  readonly reasons: readonly string[];
  readonly mode?: "registry" | "counted";
  readonly cells: readonly ComparedCell[];
  readonly exact: boolean;
  /** From submission to the checked result. */
  readonly ms: number;
  /** Bytes of computation messages, all nodes together. */
  readonly bytes: number;
  /** Milliseconds of work by step, over all nodes. */
  readonly steps: Readonly<Record<string, number>>;
  /** Who looked at the result before it left, and why what is withheld is: seen by them alone. */
  readonly review?: Pick<ReviewView, "approvals" | "withheld">;
  /** The bundle as the requester got it; absent for a refusal. */
  readonly evidence?: EvidenceBundle;
  /** Reason code with which it has to be refused. */
  readonly refusedFor?: string;
  /** What the first provider's rules compared, where its policy refused. */
  readonly refusal?: { readonly provider: string; readonly verdicts: readonly Verdict[] };
}

export interface DemoHooks {
  /** A provider has registered its asset and set its policy. */
  readonly onRegistered: (member: string) => void;
  /** The state of a request as its requester sees it. */
  readonly onState: (request: ScenarioRequest, state: string) => void;
}

const POLL_MS = 40;
/** For a machine that does much else besides; an idle one needs a few seconds. */
const REQUEST_MS = 600_000;

export async function registerAll(
  network: DemoNetwork,
  scenario: Scenario,
  hooks: DemoHooks,
  now: Date,
): Promise<void> {
  for (const provider of scenario.providers) {
    const { asset, source } = provider.registration;
    const policy = policyFor(scenario, provider, now);
    await network.api(provider.id).post("/assets", { asset, source, policy });
    hooks.onRegistered(provider.id);
  }
}

interface RequestState {
  readonly state: string;
  readonly assets: readonly { readonly outcome: string; readonly reasons: readonly string[] }[];
  readonly computation?: string;
  readonly reasons?: readonly string[];
}

export async function runRequest(
  network: DemoNetwork,
  scenario: Scenario,
  request: ScenarioRequest,
  tables: readonly PlainTable[],
  hooks: DemoHooks,
  now: Date,
): Promise<DemoRequest> {
  const requester = network.api(scenario.requester.id);
  const startedAt = performance.now();
  const { id } = await requester.post<{ id: string }>("/requests", draftOf(scenario, request, now));
  let review: DemoRequest["review"];
  const end = await ended(
    async () => {
      review = (await reviewedBy(network, scenario, id)) ?? review;
      return await requester.get<RequestState>(`/requests/${id}`);
    },
    (state) => hooks.onState(request, state),
  );
  const expected = request.refusedFor === undefined ? {} : { refusedFor: request.refusedFor };
  const common = { id: request.id, title: request.title, request: id, ...expected };
  const nothing = { cells: [], exact: false, bytes: 0, steps: {} };
  const ms = () => Math.round(performance.now() - startedAt);
  if (isRefused(end)) {
    const reasons = [...new Set(end.assets.flatMap((asset) => asset.reasons))];
    return {
      ...common,
      ...nothing,
      state: "refused",
      reasons,
      ms: ms(),
      refusal: await refusalOf(network, scenario, id),
    };
  }
  if (end.reasons?.includes("history") === true) {
    return { ...common, ...nothing, state: "refused", reasons: end.reasons, ms: ms() };
  }
  if (end.state !== "released") {
    const state = end.state === "withheld" ? "withheld" : "failed";
    return { ...common, ...nothing, state, reasons: end.reasons ?? ["no-result-in-time"], ms: ms() };
  }
  const result = await released(() => requester.get<Result>(`/requests/${id}/result`));
  const took = ms();
  const cost = await costOf(network, scenario, result.computation);
  const evidence = await requester.get<EvidenceBundle>(`/requests/${id}/evidence`);
  const comparison = compare(result.outcome.document.cells, plainCells(scenario, request, tables));
  const seen = review === undefined ? {} : { review };
  return { ...common, state: "released", reasons: [], ...comparison, ...cost, ...seen, ms: took, evidence };
}

/** As the first provider explains it to its own people. */
async function refusalOf(
  network: DemoNetwork,
  { providers }: Scenario,
  request: string,
): Promise<DemoRequest["refusal"]> {
  const [first] = providers;
  const path = `/requests/${request}/explanations`;
  const { explanations } = await network.api(first!.id).get<{ explanations: { verdicts: Verdict[] }[] }>(path);
  const verdicts = explanations.flatMap((one) => one.verdicts.filter(({ verdict }) => verdict === "refuse"));
  return { provider: first!.id, verdicts };
}

/** Each person looks at the table of a result that waits for them, and lets it out. */
async function reviewedBy(
  network: DemoNetwork,
  { receiver, reviewers = [] }: Scenario,
  request: string,
): Promise<DemoRequest["review"]> {
  let seen: DemoRequest["review"];
  for (const person of reviewers) {
    const api = network.asPerson(receiver.id, person);
    const { reviews } = await api.get<{ reviews: readonly ReviewBriefView[] }>("/reviews");
    const waiting = reviews.find((one) => one.request === request);
    if (waiting === undefined || waiting.approvals.includes(`${receiver.id}/${person}`)) continue;
    const reason = "the table shows no single organisation";
    const { approvals, withheld } = await api.post<ReviewView>(`/reviews/${waiting.computation}/approve`, { reason });
    seen = { approvals, withheld };
  }
  return seen;
}

interface Result {
  readonly computation: string;
  readonly outcome: { readonly document: ResultDocument };
}

/** Verified by the offline verifier, against what the network's operator exports as trust. */
export async function verifyAll(network: DemoNetwork, scenario: Scenario, requests: readonly DemoRequest[]) {
  const trust = await network.api(scenario.operator.id).get<unknown>("/trust");
  const bundles = requests.filter(({ evidence }) => evidence !== undefined);
  const reports = bundles.map(({ evidence }) => verifyEvidence(evidence, trust));
  return {
    trust,
    bundles: bundles.length,
    verified: reports.filter(({ verdict }) => verdict === "verified").length,
    checks: reports.reduce((total, { checks }) => total + checks.filter((one) => one.status === "passed").length, 0),
  };
}

export function draftOf(scenario: Scenario, { title, query, purpose, method, without }: ScenarioRequest, now: Date) {
  const day = (offset: number) => new Date(now.getTime() + offset * 86_400_000).toISOString().slice(0, 10);
  return {
    title,
    purpose: purpose === undefined ? scenario.purpose : { code: purpose, text: scenario.purpose.text },
    legalBasis: scenario.legalBasis,
    scenario: "government-service",
    query,
    assets: scenario.providers.filter(({ id }) => id !== without).map(({ registration }) => registration.asset.id),
    recipients: [],
    territory: scenario.territory,
    validity: { from: day(-1), to: day(30) },
    retentionDays: 180,
    receiverMode: "reviewed",
    receiver: scenario.receiver.id,
    coordinator: scenario.operator.id,
    ...(method === undefined ? {} : { method }),
  };
}

const isRefused = ({ assets }: RequestState): boolean => assets.every(({ outcome }) => outcome === "refuse");

async function ended(read: () => Promise<RequestState>, onState: (state: string) => void): Promise<RequestState> {
  const until = performance.now() + REQUEST_MS;
  for (;;) {
    const request = await read();
    onState(request.state);
    if (["released", "withheld", "cancelled"].includes(request.state) || isRefused(request)) return request;
    if (request.state === "failed" || performance.now() > until) return request;
    await sleep(POLL_MS);
  }
}

/** The release is on the ledger a moment before the receiver hands it out. */
async function released(read: () => Promise<Result>): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (attempt >= 50) throw error;
      await sleep(POLL_MS);
    }
  }
}

async function costOf(network: DemoNetwork, scenario: Scenario, computation: string) {
  interface View {
    readonly mode: "registry" | "counted";
    readonly cost: { readonly bytesSent: number; readonly steps: Readonly<Record<string, number>> };
  }
  const views = await Promise.all(
    membersOf(scenario).map(({ id }) => network.api(id).get<View>(`/computations/${computation}`)),
  );
  const steps: Record<string, number> = {};
  for (const { cost } of views)
    for (const [step, ms] of Object.entries(cost.steps)) steps[step] = (steps[step] ?? 0) + ms;
  return { mode: views[0]!.mode, bytes: views.reduce((total, { cost }) => total + cost.bytesSent, 0), steps };
}
