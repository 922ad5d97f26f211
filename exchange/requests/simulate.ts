/**
 * What another policy would have decided on everything this node has decided on, and what it would decide on what still
 * runs. Facts about members are today's; the time of each decision, the uses until then and the steward's word are those
 * of the decision. Nothing is recorded.
 */
import { decide } from "../../policies/engine/decide.ts";
import { type Stop, stopsOf } from "../../policies/engine/stops.ts";
import type { Policy } from "../../policies/model/policy.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import type { Decision, Verdict } from "../../policies/model/verdict.ts";
import { type AgreementRecord, agreementKey } from "./agreement-record.ts";
import {
  decisionContext,
  latestExplanation,
  type OwnAsset,
  type ProviderPorts,
  withBudgetOf,
} from "./decide-request.ts";
import { isOver, type RequestLife } from "./life.ts";
import type { RecordStore } from "./ports.ts";

/** A computation that counts as a use of an asset. */
export interface Use {
  readonly agreement: string;
  /** When it was opened, UTC with Z. */
  readonly at: string;
}

export interface SimulationPorts
  extends Pick<ProviderPorts, "appealEnd" | "directory" | "identity" | "stores" | "now"> {
  readonly agreements: Pick<RecordStore<AgreementRecord>, "get">;
  readonly uses: (asset: string) => Promise<readonly Use[]>;
  readonly agreementStands: (agreement: string, now: string) => Promise<boolean>;
}

type Outcome = Decision["outcome"];

export interface SimulatedRequest {
  readonly request: string;
  readonly requester: string;
  readonly decidedAt: string;
  readonly policyVersion: number;
  readonly decided: Outcome;
  readonly wouldBe: Outcome;
  readonly reasons: readonly string[];
  readonly stops: readonly Stop[];
}

/** A cell of registry attributes that this policy alone would now withhold, or no longer. */
export interface SimulatedCell {
  readonly group: Readonly<Record<string, string>>;
  readonly organisations: number;
  readonly change: "withheld" | "released";
}

export interface SimulatedAgreement {
  readonly agreement: string;
  readonly request: string;
  readonly validUntil: string;
  /** It keeps the policy version it was made under; this is what would be said to it now. */
  readonly wouldBe: Outcome;
  readonly reasons: readonly string[];
  readonly stops: readonly Stop[];
  /** Organisations a released cell needs, under the policy it was made under and the other one. */
  readonly organisationsNeeded: { readonly before: number; readonly after: number };
  readonly cells: readonly SimulatedCell[];
}

export interface Simulation {
  /** Decisions that were looked at. */
  readonly decisions: number;
  /** Those with another outcome, the latest first, at most `MAX_SHOWN`. */
  readonly changed: readonly SimulatedRequest[];
  readonly changes: readonly { readonly decided: Outcome; readonly wouldBe: Outcome; readonly count: number }[];
  /** Agreements in force whose request still runs. */
  readonly running: number;
  /** Those that something changes for, at most `MAX_SHOWN`. */
  readonly agreements: readonly SimulatedAgreement[];
}

export const MAX_SHOWN = 1_000;

type Known = Exclude<RequestLife, { name: "draft" }>;

export async function simulatePolicy(ports: SimulationPorts, own: OwnAsset, policy: Policy): Promise<Simulation> {
  const other: OwnAsset = { asset: own.asset, policy };
  const uses = await ports.uses(own.asset.id);
  const decided: SimulatedRequest[] = [];
  const agreements: SimulatedAgreement[] = [];
  let running = 0;
  for await (const [id, { life }] of ports.stores.lives.entries()) {
    if (life.name === "draft" || life.assets[own.asset.id] === undefined) continue;
    const request = (await ports.stores.documents.get(id))?.document.statement;
    if (request === undefined) continue;
    const one = await simulateDecision(ports, { other, request, uses });
    if (one !== undefined) decided.push(one);
    const agreed = await runningAgreement(ports, life, own.asset.id);
    if (agreed === undefined) continue;
    running += 1;
    const changed = await simulateAgreement(ports, { other, request, agreed, uses });
    if (changed !== undefined) agreements.push(changed);
  }
  const changed = decided.filter((one) => one.decided !== one.wouldBe);
  return {
    decisions: decided.length,
    changed: changed.sort((a, b) => (a.decidedAt < b.decidedAt ? 1 : -1)).slice(0, MAX_SHOWN),
    changes: [...Map.groupBy(changed, ({ decided, wouldBe }) => `${decided} ${wouldBe}`).values()].map((all) => ({
      decided: all[0]!.decided,
      wouldBe: all[0]!.wouldBe,
      count: all.length,
    })),
    running,
    agreements: agreements.slice(0, MAX_SHOWN),
  };
}

interface Asked {
  readonly other: OwnAsset;
  readonly request: DataRequest;
  readonly uses: readonly Use[];
}

async function simulateDecision(
  ports: SimulationPorts,
  { other, request, uses }: Asked,
): Promise<SimulatedRequest | undefined> {
  const made = await latestExplanation(ports.stores, request.id, other.asset.id);
  if (made === undefined) return undefined;
  const decision = await judge(ports, other, request, {
    now: made.at,
    usesSoFar: uses.filter(({ at }) => Date.parse(at) < Date.parse(made.at)).length,
    steward: stewardIn(made.verdicts as readonly Verdict[], made.decidedBy),
  });
  return {
    request: request.id,
    requester: request.requester,
    decidedAt: made.at,
    policyVersion: made.policyVersion,
    decided: made.outcome,
    wouldBe: decision.outcome,
    reasons: decision.reasons,
    stops: stopsOf(decision.verdicts),
  };
}

/** What the steward had said when the decision was made, as the rule read it. */
function stewardIn(verdicts: readonly Verdict[], by: string | undefined) {
  const given = verdicts.find(({ rule }) => rule === "approval")?.compared.given;
  return by !== undefined && (given === "approved" || given === "refused")
    ? ({ outcome: given, by } as const)
    : undefined;
}

interface Circumstances {
  readonly now: string;
  readonly usesSoFar: number;
  readonly steward: ReturnType<typeof stewardIn>;
}

async function judge(ports: SimulationPorts, own: OwnAsset, request: DataRequest, given: Circumstances) {
  const { now, usesSoFar, steward } = given;
  const directory = withBudgetOf(ports.directory, own.policy);
  const known = { ...ports, directory, now: () => now, usesSoFar: async () => usesSoFar };
  return decide(own.policy, request, own.asset, await decisionContext(known, request, own, steward));
}

async function runningAgreement(
  ports: SimulationPorts,
  life: Known,
  asset: string,
): Promise<AgreementRecord | undefined> {
  if (isOver(life) && life.name !== "failed") return undefined;
  const agreed = await ports.agreements.get(agreementKey(life.id, asset));
  return agreed !== undefined && (await ports.agreementStands(agreed.agreement, ports.now())) ? agreed : undefined;
}

interface Running extends Asked {
  readonly agreed: AgreementRecord;
}

/** Undefined where nothing changes for it. */
async function simulateAgreement(
  ports: SimulationPorts,
  { other, request, agreed, uses }: Running,
): Promise<SimulatedAgreement | undefined> {
  const made = await latestExplanation(ports.stores, request.id, other.asset.id);
  const given = {
    now: ports.now(),
    // Its own are what it is judged for: they leave it no less than it has taken.
    usesSoFar: uses.filter(({ agreement }) => agreement !== agreed.agreement).length,
    steward: stewardIn((made?.verdicts ?? []) as readonly Verdict[], made?.decidedBy),
  };
  const before = await judge(ports, { asset: agreed.terms.asset, policy: agreed.terms.policy }, request, given);
  const after = await judge(ports, other, request, given);
  const organisationsNeeded = { before: neededBy(before), after: neededBy(after) };
  const cells = await changedCells(ports, request, organisationsNeeded);
  if (before.outcome === after.outcome && organisationsNeeded.before === organisationsNeeded.after) return undefined;
  return {
    agreement: agreed.agreement,
    request: request.id,
    validUntil: agreed.terms.agreement["sealane:validUntil"],
    wouldBe: after.outcome,
    reasons: after.reasons,
    stops: stopsOf(after.verdicts),
    organisationsNeeded,
    cells,
  };
}

const neededBy = ({ requirements }: Decision): number => Math.max(0, ...requirements.map((one) => one.organisations));

/** By the registry alone: how many contribute to cells of a table's own codes is known only once they are counted. */
async function changedCells(
  ports: Pick<SimulationPorts, "directory">,
  request: DataRequest,
  { before, after }: SimulatedAgreement["organisationsNeeded"],
): Promise<readonly SimulatedCell[]> {
  const attributes = request.query.groupBy.flatMap((one) => ("attribute" in one ? [one.attribute] : []));
  if (attributes.length !== request.query.groupBy.length) return [];
  const providers = new Set(request.assets.map((asset) => asset.split(":")[0]!));
  const cells = new Map<string, { group: Record<string, string>; groups: Set<string> }>();
  for (const provider of providers) {
    const member = await ports.directory.member(provider);
    if (member?.active !== true) continue;
    const values = attributes.map((name) => [name, member.attributes[name]] as const);
    if (values.some(([, value]) => value === undefined)) continue;
    const group = Object.fromEntries(values) as Record<string, string>;
    const key = JSON.stringify(values);
    const cell = cells.get(key) ?? { group, groups: new Set<string>() };
    cell.groups.add(member.holdingGroup);
    cells.set(key, cell);
  }
  return [...cells.values()].flatMap(({ group, groups: { size: organisations } }) => {
    if (organisations >= before === organisations >= after) return [];
    return [{ group, organisations, change: organisations >= before ? ("withheld" as const) : ("released" as const) }];
  });
}
