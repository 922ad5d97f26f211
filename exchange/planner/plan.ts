/**
 * Which protocol a draft would run by, why, and what it would cost, from what its requester can know: catalogue entries,
 * the ledger, the policies' own rules. Nothing is asked of providers, recorded or promised: they decide by their own clocks,
 * limits and stewards.
 */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import { decide } from "../../policies/engine/decide.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { DecisionContext } from "../../policies/model/context.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { strictestPrivacy } from "../../policies/model/privacy-terms.ts";
import { type DataRequest, METHODS, type Method } from "../../policies/model/request.ts";
import type { Compared } from "../../policies/model/verdict.ts";
import type { LeftOut } from "../computations/cohort.ts";
import { ComputationError } from "../computations/errors.ts";
import { type OpeningPlan, planOpening } from "../computations/opening.ts";
import { type ExpectedError, expectedErrors } from "../computations/privacy.ts";
import type { Layout } from "../statistics/layout.ts";
import { type AlonePlan, planAlone } from "./alone.ts";
import { type Estimate, estimateRun, type RunShape } from "./estimate.ts";

/** One asset of the draft with what its provider published. */
export interface Offer {
  readonly asset: Asset;
  readonly policy: Policy;
  readonly holdingGroup: string;
  readonly active: boolean;
  readonly context: DecisionContext;
}

export interface PlanInputs {
  readonly request: DataRequest;
  readonly offers: readonly Offer[];
  /** Assets of the draft of which nothing could be found. */
  readonly missing: readonly string[];
  /** Groups of coordinator, receiver, requester and sequencer. */
  readonly excludedGroups: ReadonlySet<string>;
  readonly sequencer: string;
  readonly suite: SuiteId;
  readonly attributes: Readonly<Record<string, readonly string[]>>;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** See estimate.ts. */
  readonly speed: number;
}

/** Why a plan is as it is. */
export const PLAN_REASONS = [
  "cells-by-registry",
  "cells-counted",
  "mask-suffices",
  "mask-asked-for",
  "sealing-asked-for",
  "sealing-by-policies",
  "everyone-with-everyone",
  "neighbours-suffice",
  "suite-of-network",
  "one-provider-answers",
] as const;
export type PlanReason = (typeof PLAN_REASONS)[number];

export interface Expected {
  readonly asset: string;
  /** `unknown`: no entry of it could be had. */
  readonly outcome: "permit" | "wait" | "refuse" | "unknown";
  readonly reasons: readonly string[];
  /** Where it would refuse: what each refusing rule compared. */
  readonly refusals?: readonly { readonly reason: string; readonly compared: Compared }[];
}

interface PlanProblem {
  readonly field: string;
  readonly code: string;
  readonly detail?: string;
}

export interface Protocol {
  readonly cells: "registry" | "counted";
  readonly method: Method;
  readonly parameters?: string;
  readonly graph: "complete" | "neighbours";
  readonly suite: SuiteId;
}

interface PlannedRun {
  readonly protocol: Protocol;
  readonly because: readonly PlanReason[];
  readonly members: number;
  /** Organisations that a released cell needs. */
  readonly need: number;
  /** Cells, and words of one contribution: at most, since cells that are too small are left out. */
  readonly atoms: number;
  readonly words: number;
  readonly estimate: Estimate;
  /** Where policies want noise: what is taken from each budget, and what the figures would then be worth. */
  readonly privacy?: PlannedNoise;
  readonly alone?: undefined;
}

export interface PlannedNoise {
  readonly epsilon: string;
  readonly delta: string;
  readonly errors: readonly ExpectedError[];
}

export type RequestPlan = { readonly providers: readonly Expected[]; readonly leftOut: readonly LeftOut[] } & (
  | { readonly outcome: "refused"; readonly problems: readonly PlanProblem[] }
  | ({ readonly outcome: "planned" } & PlannedRun)
  | {
      readonly outcome: "planned";
      readonly because: readonly PlanReason[];
      readonly alone: AlonePlan;
      readonly estimate?: undefined;
    }
);

const NO_AGREEMENT = "00000000-0000-4000-8000-000000000000";

interface Attempt {
  readonly method: Method;
  readonly providers: readonly Expected[];
  readonly opening: OpeningPlan | undefined;
  readonly problems: readonly PlanProblem[];
}

/** The method that most providers would take part by; of equals the one that costs less, which is the mask. */
export function planRequest(inputs: PlanInputs): RequestPlan {
  const { request, speed } = inputs;
  const alone = planAlone(request, inputs.offers[0]?.asset.quality.rows ?? 0, speed);
  if (alone !== undefined) return planOfOne(inputs, alone);
  const asked = request.method;
  const attempts = (asked === undefined ? METHODS : [asked]).map((method) => attempt(inputs, method));
  const best = attempts.reduce((one, other) => (takingPart(other) > takingPart(one) ? other : one));
  const providers = [...best.providers, ...inputs.missing.map(notFound)].sort((a, b) => (a.asset < b.asset ? -1 : 1));
  const { opening } = best;
  if (opening === undefined) return { outcome: "refused", providers, leftOut: [], problems: best.problems };
  return { outcome: "planned", providers, leftOut: opening.leftOut, ...plannedRun(inputs, opening, asked) };
}

/** There is nothing to choose: one provider would answer, or not. */
function planOfOne(inputs: PlanInputs, alone: AlonePlan): RequestPlan {
  const judged = inputs.offers.map((offer) => ({ asset: offer.asset.id, ...judge(offer, inputs.request) }));
  const providers = [...judged, ...inputs.missing.map(notFound)];
  if (inputs.request.assets.length === 1 && judged.some(({ outcome }) => outcome !== "refuse")) {
    return { outcome: "planned", providers, leftOut: [], because: ["one-provider-answers"], alone };
  }
  return { outcome: "refused", providers, leftOut: [], problems: [{ field: "assets", code: "no-agreement" }] };
}

/** No entry of it could be had. */
const notFound = (asset: string): Expected => ({ asset, outcome: "unknown", reasons: ["entry-not-found"] });

const takingPart = ({ opening }: Attempt): number => opening?.body.cohort.length ?? 0;

function attempt(inputs: PlanInputs, method: Method): Attempt {
  const request: DataRequest = { ...inputs.request, method };
  const judged = inputs.offers.map((offer) => ({ offer, ...judge(offer, request) }));
  const providers = judged.map(({ offer, ...expected }) => ({ asset: offer.asset.id, ...expected }));
  const willing = judged.filter(({ outcome }) => outcome !== "refuse").map(({ offer }) => offer);
  try {
    return { method, providers, opening: openingOf(inputs, request, willing), problems: [] };
  } catch (error) {
    if (!(error instanceof ComputationError)) throw error;
    const problems = (error.problems ?? []).map(({ field, code, ...rest }) => ({
      field,
      code,
      ...("detail" in rest && typeof rest.detail === "string" ? { detail: rest.detail } : {}),
    }));
    return { method, providers, opening: undefined, problems };
  }
}

function judge({ asset, policy, context }: Offer, request: DataRequest): Omit<Expected, "asset"> {
  const { outcome, reasons, verdicts } = decide(policy, request, asset, context);
  if (outcome !== "refuse") return { outcome, reasons };
  const refusing = verdicts.filter(({ verdict }) => verdict === "refuse");
  return { outcome, reasons, refusals: refusing.map(({ reason, compared }) => ({ reason, compared })) };
}

function openingOf(inputs: PlanInputs, request: DataRequest, willing: readonly Offer[]): OpeningPlan {
  const { attributes, excludedGroups, now, sequencer, suite } = inputs;
  return planOpening({
    computation: NO_AGREEMENT,
    request,
    candidates: willing.map(({ asset, policy, holdingGroup, active }) => ({
      member: asset.provider,
      holdingGroup,
      active,
      usesLeft: true,
      asset,
      policy,
      agreement: NO_AGREEMENT,
    })),
    excludedGroups,
    sequencer,
    suite,
    attributes,
    stepTimes: { keysMs: 0, sharesMs: 0, contributionMs: 0, releaseMs: 0 },
    now,
    // Salts of documents that nobody sees: only their length counts.
    random: (bytes) => new Uint8Array(bytes),
  });
}

function plannedRun(inputs: PlanInputs, opening: OpeningPlan, asked: Method | undefined): PlannedRun {
  const { body, documents } = opening;
  const { layout } = documents.layout.document as { layout: { atoms: number; wordsPerAtom: number } };
  const { cohort, graph } = body;
  const protocol: Protocol = {
    cells: body.cells.mode,
    method: body.envelope?.method ?? "mask",
    ...(body.envelope === undefined ? {} : { parameters: body.envelope.parameters }),
    graph,
    suite: inputs.suite,
  };
  const words = layout.atoms * layout.wordsPerAtom;
  const shape: RunShape = {
    suite: inputs.suite,
    cells: protocol.cells,
    members: cohort.length,
    atoms: layout.atoms,
    words,
    ...(protocol.parameters === undefined ? {} : { parameters: protocol.parameters }),
    documents: canonicalJson(documents).length + (protocol.parameters === undefined ? 0 : HOMOMORPHIC_KEY_BYTES),
    terms: termsBytes(inputs.offers, new Set(cohort.map(({ asset }) => asset))),
  };
  return {
    protocol,
    because: reasonsFor(protocol, asked),
    members: cohort.length,
    need: body.constants.need,
    atoms: layout.atoms,
    words,
    estimate: estimateRun(shape, inputs.speed),
    ...plannedNoise(inputs, opening),
  };
}

function plannedNoise({ offers }: PlanInputs, { body, documents }: OpeningPlan): { readonly privacy?: PlannedNoise } {
  const taking = new Set(body.cohort.map(({ asset }) => asset));
  const wanted = strictestPrivacy(
    offers.map(({ asset, policy }) => {
      const parsed = parsePolicy(policy);
      return parsed.ok && taking.has(asset.id) ? parsed.terms.privacy : undefined;
    }),
  );
  if (wanted === undefined) return {};
  const { layout } = documents.layout.document as { layout: Layout };
  return { privacy: { epsilon: wanted.epsilon, delta: wanted.delta, errors: expectedErrors(body, layout) } };
}

/** R's public key, as text. */
const HOMOMORPHIC_KEY_BYTES = 174_806;
/** An agreement names its policy's rules once more, and who, what and until when. */
const AGREEMENT_BYTES = 1_500;

const termsBytes = (offers: readonly Offer[], taking: ReadonlySet<string>): number =>
  offers
    .filter(({ asset }) => taking.has(asset.id))
    .reduce(
      (sum, { asset, policy }) =>
        sum + canonicalJson(asset).length + 2 * canonicalJson(policy).length + AGREEMENT_BYTES,
      0,
    );

function reasonsFor({ cells, graph, method }: Protocol, asked: Method | undefined): PlanReason[] {
  const envelope =
    method === "mask"
      ? asked === undefined
        ? "mask-suffices"
        : "mask-asked-for"
      : asked === undefined
        ? "sealing-by-policies"
        : "sealing-asked-for";
  return [
    cells === "registry" ? "cells-by-registry" : "cells-counted",
    envelope,
    graph === "complete" ? "everyone-with-everyone" : "neighbours-suffice",
    "suite-of-network",
  ];
}
