/** One set of minima for a whole cohort: the strictest of all policies (secure-aggregation.md section 2). */
import type { Asset } from "../model/asset.ts";
import type { ReceiverMode } from "../model/operands.ts";
import { namesLargest, type OutputTerms, strictestOutput } from "../model/output-terms.ts";
import { type CohortPrivacy, strictestPrivacy } from "../model/privacy-terms.ts";
import type { CohortProblem } from "../model/problem.ts";
import type { Query } from "../model/query.ts";
import type { Method } from "../model/request.ts";
import { cellModeOf, fieldOf } from "../model/statistic.ts";
import type { PolicyTerms } from "../model/terms.ts";
import { clipFor, isNoised } from "../privacy/noised.ts";
import { minimumUnitsOf } from "../rules/counts.ts";
import { momentOrganisations, needOf, squaresOrganisations } from "../rules/minima.ts";
import { isRoundable, roundedOtherwise } from "../rules/rounding.ts";

/** The constants of a `computation.open` record. */
export interface Constants {
  readonly members: number;
  readonly threshold: number;
  readonly quorum: number;
  readonly minimumOrganisations: number;
  readonly minimumUnits: number;
  readonly colluders: number;
  readonly drops: number;
  readonly need: number;
}
export interface CohortParty {
  readonly policy: PolicyTerms;
  readonly asset: Asset;
}
export interface CohortPlan {
  readonly query: Query;
  readonly cellMode: "registry" | "counted";
  readonly receiverMode: ReceiverMode;
  readonly receiver: string;
  readonly method: Method;
  readonly coordinatorIsSequencer: boolean;
}
export type Strictest =
  | {
      readonly ok: true;
      readonly constants: Constants;
      readonly exactMomentsTrusted: boolean;
      /** What the release must withstand. */
      readonly output: OutputTerms;
      /** Undefined: sums are exact. */
      readonly privacy: CohortPrivacy | undefined;
    }
  | { readonly ok: false; readonly problems: readonly CohortProblem[] };

/**
 * `parties`: one per holding group, the cohort as it will be opened. Never depends on who turns up later. Problems
 * list everything that keeps this cohort from running this plan; `field` is an asset id or a name of the plan.
 */
export function strictest(parties: readonly CohortParty[], plan: CohortPlan): Strictest {
  const constants = constantsOf(parties, plan);
  const trusted = momentsTrusted(parties, plan);
  const problems = [
    ...sizeProblems(constants),
    ...repeatedProviders(parties),
    ...parties.flatMap((party) => partyProblems(party, plan)),
    ...domainProblems(parties, plan),
    ...privacyProblems(parties, plan),
    ...roundingProblems(parties, plan),
  ];
  if (problems.length > 0) return { ok: false, problems };
  return Object.freeze({
    ok: true,
    constants,
    exactMomentsTrusted: trusted,
    output: outputOf(parties),
    privacy: privacyOf(parties),
  });
}

function constantsOf(parties: readonly CohortParty[], plan: CohortPlan): Constants {
  const members = parties.length;
  const largest = (value: (party: CohortParty) => number) =>
    parties.reduce((max, party) => Math.max(max, value(party)), 0);
  const quorum = Math.floor((2 * members) / 3) + 1;
  // Larger cohorts share each secret with 128 neighbours, 86 of which give it back.
  const threshold = members <= 129 ? quorum : 86;
  const colluders = largest(({ policy }) => policy.colluders);
  // A larger allowance for drops is the stricter one: cells must keep their minimum after that many are gone.
  const drops = Math.max(
    Math.floor(members / 20),
    largest(({ policy }) => policy.drops),
  );
  const trusted = momentsTrusted(parties, plan);
  const minimumUnits = largest(({ policy, asset }) => minimumUnitsOf({ terms: policy, asset }, plan.cellMode));
  const providerUnits = largest(({ policy, asset }) =>
    asset.unit.kind === "provider" ? minimumUnitsOf({ terms: policy, asset }, plan.cellMode) : 0,
  );
  const minimumOrganisations = Math.max(
    largest(({ policy }) => policy.minimumOrganisations),
    ...plan.query.measures.map(({ statistic }) => momentOrganisations(statistic, colluders, trusted)),
    squaresOrganisations(plan.query, outputOf(parties), colluders, trusted),
    // Where the unit is the organisation, phase 1 is not needed to hold the minimum of units.
    plan.cellMode === "registry" && providerUnits > 0 ? providerUnits + 1 + colluders + drops : 0,
  );
  const need = needOf(minimumOrganisations, colluders);
  return { members, threshold, quorum, minimumOrganisations, minimumUnits, colluders, drops, need };
}

export const outputOf = (parties: readonly Pick<CohortParty, "policy">[]): OutputTerms =>
  strictestOutput(parties.map(({ policy }) => policy.output));

const privacyOf = (parties: readonly Pick<CohortParty, "policy">[]) =>
  strictestPrivacy(parties.map(({ policy }) => policy.privacy));

/** Where one policy wants noise, all contributions are bounded and noised, so all have to lend themselves to it. */
function privacyProblems(parties: readonly CohortParty[], { query, cellMode }: CohortPlan): CohortProblem[] {
  if (privacyOf(parties) === undefined) return [];
  const problems: CohortProblem[] = [];
  const found = (field: string, code: CohortProblem["code"], detail: string) => problems.push({ field, code, detail });
  // Counts of phase 1 are exact.
  if (cellMode === "counted") found("cohort", "privacy-needs-registry", "noise wants cells without exact counts");
  if (namesLargest(outputOf(parties))) {
    found("cohort", "privacy-excludes-largest", "rules about the largest contributors want exact sums");
  }
  for (const { id, statistic } of query.measures) {
    if (!isNoised(statistic)) found(id, "privacy-statistic", `no noise is defined for a ${statistic.kind}`);
    for (const element of clipFor(statistic)) {
      const isBounded = parties.some(({ policy }) => policy.privacy?.clips.some((clip) => clip.element === element));
      if (!isBounded) found(id, "privacy-clip", `no policy bounds what an organisation contributes to ${element}`);
    }
  }
  return problems;
}

/** Where one policy wants rounded figures, they are rounded for all, so every field has to be in the unit of the rounding. */
function roundingProblems(parties: readonly CohortParty[], { query }: CohortPlan): CohortProblem[] {
  const { rounding } = outputOf(parties);
  if (rounding === undefined) return [];
  const problems: CohortProblem[] = query.measures
    .filter(({ statistic }) => !isRoundable(statistic))
    .map(({ id, statistic }) => ({
      field: id,
      code: "rounding-statistic",
      detail: `a ${statistic.kind} cannot be worked out from rounded counts and sums`,
    }));
  if (privacyOf(parties) !== undefined) {
    const detail = "figures with noise are published with its standard error";
    problems.push({ field: "cohort", code: "privacy-excludes-rounding", detail });
  }
  for (const { asset } of parties) {
    for (const { element, wanted, got } of roundedOtherwise(rounding, query.measures, (one) => fieldOf(asset, one))) {
      const detail = `${element} is rounded in ${wanted ?? "no unit"}, and is in ${got ?? "no unit"}`;
      problems.push({ field: asset.id, code: "rounding-unit", detail });
    }
  }
  return problems;
}

const momentsTrusted = (parties: readonly CohortParty[], plan: CohortPlan): boolean =>
  plan.receiverMode === "reviewed" && parties.every(({ policy }) => policy.exactMomentsTrusted.includes(plan.receiver));

/** What the contract and every member would refuse in these constants (secure-aggregation.md sections 1 and 2). */
function sizeProblems({ members, need, colluders, drops, quorum }: Constants): CohortProblem[] {
  const problems: CohortProblem[] = [];
  const add = (code: CohortProblem["code"], detail: string) => problems.push({ field: "cohort", code, detail });
  const wanted = Math.max(3, need + drops);
  if (members < wanted) {
    const parts = drops === 0 ? `${need}` : `${need} per cell and ${drops} that may drop out`;
    add("cohort-too-small", `wanted at least ${wanted} organisations (${parts}), got ${members}`);
  }
  if (drops > members - quorum) {
    add("too-many-drops", `wanted at most ${Math.max(0, members - quorum)} of ${members} members, got ${drops}`);
  }
  if (colluders > 0 && members <= 4) {
    add("too-many-colluders", `a cohort of ${members} wants 0 colluders by every policy, got ${colluders}`);
  } else if (colluders > 0 && colluders >= 2 * quorum - members) {
    // Two views of a lying coordinator overlap in 2q − n members: colluders must be fewer.
    add("too-many-colluders", `wanted fewer than ${2 * quorum - members} for ${members} members, got ${colluders}`);
  }
  return problems;
}

function repeatedProviders(parties: readonly CohortParty[]): CohortProblem[] {
  const providers = parties.map(({ asset }) => asset.provider);
  const twice = new Set(providers.filter((provider, index) => providers.indexOf(provider) !== index));
  return [...twice].map((provider) => ({
    field: "cohort",
    code: "organisation-repeated",
    detail: `wanted one asset per organisation, got several of ${provider}`,
  }));
}

function partyProblems({ policy, asset }: CohortParty, plan: CohortPlan): CohortProblem[] {
  const problems: CohortProblem[] = [];
  const add = (code: CohortProblem["code"], detail: string) => problems.push({ field: asset.id, code, detail });
  if (policy.asset !== asset.id) add("policy-of-another-asset", `wanted a policy for it, got one for ${policy.asset}`);
  if (plan.cellMode === "counted" && policy.counts === "closed") {
    add("counts-closed", "counted cells want open counts");
  }
  if (plan.cellMode === "registry" && cellModeOf(plan.query, [asset]) === "counted") {
    add("counted-mode-needed", "registry cells want every measured field declared always present");
  }
  if (
    plan.cellMode === "registry" &&
    asset.unit.kind === "field" &&
    minimumUnitsOf({ terms: policy, asset }, plan.cellMode) > 0
  ) {
    add(
      "units-need-counted-mode",
      `the minimum of ${minimumUnitsOf({ terms: policy, asset }, plan.cellMode)} units wants counted cells`,
    );
  }
  if (!policy.receiverModes.includes(plan.receiverMode)) {
    add("receiver-mode-not-allowed", `wanted ${policy.receiverModes.join(" or ")}, got ${plan.receiverMode}`);
  }
  if (!policy.methods.includes(plan.method)) {
    add("method-not-allowed", `wanted ${policy.methods.join(" or ")}, got ${plan.method}`);
  }
  if (plan.receiverMode === "reviewed" && !policy.releaseAuthorities.includes(plan.receiver)) {
    add("receiver-not-authority", `wanted ${policy.releaseAuthorities.join(" or ") || "none"}, got ${plan.receiver}`);
  }
  if (plan.receiverMode === "direct" && plan.query.groupBy.length > 1) {
    add("dimensions-need-review", `direct wants at most 1 dimension, got ${plan.query.groupBy.length}`);
  }
  if (plan.coordinatorIsSequencer && !policy.coordinatorMayBeSequencer) {
    add("coordinator-is-sequencer", "the policy wants a coordinator that is not the sequencer");
  }
  return problems;
}

/** The same legal person never reports twice: units of one population are not summed over two assets (section 4). */
function domainProblems(parties: readonly CohortParty[], plan: CohortPlan): CohortProblem[] {
  const problems: CohortProblem[] = [];
  const drawn = parties.filter(({ asset }) => asset.unit.kind === "field");
  const seen = new Map<string, string>();
  for (const { asset } of drawn) {
    const other = seen.get(asset.unitDomain);
    if (other !== undefined) {
      const detail = `draws units from ${asset.unitDomain}, as ${other} does`;
      problems.push({ field: asset.id, code: "unit-domain-shared", detail });
    }
    seen.set(asset.unitDomain, asset.id);
  }
  const counting = plan.query.measures.some(({ statistic }) => statistic.kind === "count");
  if (counting && drawn.length > 0 && drawn.length < parties.length) {
    const detail = "wanted one kind of unit to count, got organisations and field values";
    problems.push({ field: "cohort", code: "unit-kinds-differ", detail });
  }
  return problems;
}
