/** From agreements to the body of a `computation.open` record and the documents behind its digests. */

import { mostSealedWords } from "../../crypto/he/ciphertexts.ts";
import { parametersFor } from "../../crypto/he/parameters.ts";
import { graphKind, MAXIMUM_CHUNKS } from "../../crypto/secagg/constants.ts";
import type { Signed } from "../../crypto/suites/signed.ts";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import type { TransactionBody } from "../../ledger/port.ts";
import { outputOf, strictest } from "../../policies/engine/strictest.ts";
import { namesLargest } from "../../policies/model/output-terms.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import { type Problem, problemLine } from "../../policies/model/problem.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import { cellModeOf } from "../../policies/model/statistic.ts";
import type { PolicyTerms } from "../../policies/model/terms.ts";
import { uuidOf } from "../requests/record.ts";
import { compileLayout } from "../statistics/compile.ts";
import { StatisticsError } from "../statistics/errors.ts";
import type { Layout } from "../statistics/layout.ts";
import { type Candidate, type LeftOut, selectCohort } from "./cohort.ts";
import { type ComputationDocuments, digestsOf, salt } from "./documents.ts";
import { ComputationError } from "./errors.ts";
import { noisePlan, openedPrivacy } from "./privacy.ts";

export type OpenBody = TransactionBody<"computation.open">;
export type CellMode = OpenBody["cells"]["mode"];

/** Length of each step, from one deadline to the next. */
export interface StepTimes {
  readonly keysMs: number;
  readonly sharesMs: number;
  readonly contributionMs: number;
  readonly releaseMs: number;
}

export interface OpeningInputs {
  readonly computation: string;
  readonly restartOf?: string;
  readonly request: DataRequest;
  readonly candidates: readonly Candidate[];
  /** Groups of coordinator, receiver, requester and sequencer. */
  readonly excludedGroups: ReadonlySet<string>;
  readonly sequencer: string;
  /** The network's. */
  readonly suite: SuiteId;
  readonly attributes: Readonly<Record<string, readonly string[]>>;
  readonly stepTimes: StepTimes;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly random: (bytes: number) => Uint8Array;
}

export interface OpeningPlan {
  /** Lacks only the receiver's signed key. */
  readonly body: Omit<OpenBody, "receiverKey">;
  readonly documents: ComputationDocuments;
  readonly leftOut: readonly LeftOut[];
}

/** The id of each attempt follows from the request, so that nobody can take it for a request of their own. */
export const computationIdOf = (request: string, attempt: number): string => uuidOf({ computation: request, attempt });

/** Throws ERR_COMPUTATION_NOT_OPENABLE with every problem. */
export function planOpening(inputs: OpeningInputs): OpeningPlan {
  const { request } = inputs;
  const cohort = selectCohort(inputs.candidates, inputs.excludedGroups);
  // Of a cohort that is too small without them, this is the reason worth telling.
  const usedUp = cohort.leftOut
    .filter(({ reason }) => reason === "uses-exhausted")
    .map(({ asset }) => ({ field: asset, code: "uses-exhausted" as const, detail: "no use of its agreement is left" }));
  if (cohort.members.length < 3) {
    const detail = `${cohort.members.length} of 3`;
    const isWhy = cohort.members.length + usedUp.length >= 3;
    throw notOpenable([...(isWhy ? usedUp : []), { field: "cohort", code: "too-few-organisations", detail }]);
  }
  const assets = cohort.members.map(({ asset }) => asset);
  const mode = cellModeOf(request.query, assets);
  const parties = cohort.members.map(({ policy, asset }) => ({ policy: termsOf(policy), asset }));
  const layout = compiledLayout(request, assets, inputs.attributes, namesLargest(outputOf(parties)));
  const minima = strictest(parties, {
    query: request.query,
    cellMode: mode,
    receiverMode: request.receiverMode,
    receiver: request.receiver,
    method: request.method ?? "mask",
    coordinatorIsSequencer: request.coordinator === inputs.sequencer,
  });
  if (!minima.ok) {
    const isSmall = minima.problems.some(({ code }) => code === "cohort-too-small");
    throw notOpenable([...(isSmall ? usedUp : []), ...minima.problems]);
  }
  const noise = minima.privacy && noisePlan(layout, parties.map(privateParty), minima.privacy);
  const documents: ComputationDocuments = {
    query: { salt: salt(inputs.random), document: request.query },
    layout: { salt: salt(inputs.random), document: { layout, assets } },
    policy: { salt: salt(inputs.random), document: { policies: cohort.members.map(({ policy }) => policy) } },
  };
  return {
    body: {
      computation: inputs.computation,
      request: request.id,
      suite: inputs.suite,
      ...envelopeOf(request, layout, cohort.members.length),
      ...(inputs.restartOf === undefined ? {} : { restartOf: inputs.restartOf }),
      ...digestsOf(documents),
      cohort: cohort.members.map(({ member, holdingGroup, asset, agreement }) => ({
        member,
        holdingGroup,
        asset: asset.id,
        assetVersion: asset.version,
        agreement,
      })),
      coordinator: request.coordinator,
      receiver: request.receiver,
      receiverMode: request.receiverMode,
      constants: minima.constants,
      ...(minima.output.review === undefined ? {} : { review: { ...minima.output.review } }),
      ...(noise === undefined ? {} : { privacy: openedPrivacy(noise) }),
      graph: graphKind(cohort.members.length),
      cells: { mode, dimensions: layout.dimensions.map((dimension) => ({ ...dimension })) as never },
      deadlines: deadlinesFrom(inputs.now, inputs.stepTimes, mode, minima.output.review?.hours ?? 0),
    },
    documents,
    leftOut: cohort.leftOut,
  };
}

export const privateParty = ({
  policy,
  asset,
}: {
  readonly policy: PolicyTerms;
  readonly asset: Candidate["asset"];
}) => ({
  asset,
  privacy: policy.privacy,
});

/** Parameters that hold sums over so many members. Throws ERR_COMPUTATION_NOT_OPENABLE for a table too large for them. */
export function envelopeOf(
  { method = "mask" }: Pick<DataRequest, "method">,
  { atoms, wordsPerAtom }: Pick<Layout, "atoms" | "wordsPerAtom">,
  members: number,
): Pick<OpenBody, "envelope"> {
  if (method === "mask") return {};
  const set = parametersFor(members);
  const chunk = Math.floor(mostSealedWords(set) / wordsPerAtom) * wordsPerAtom;
  if (chunk === 0 || Math.ceil((atoms * wordsPerAtom) / chunk) > MAXIMUM_CHUNKS) {
    const detail = `${atoms} cells of ${wordsPerAtom} words are too many for ${set.id}`;
    throw notOpenable([{ field: "method", code: "too-many-cells", detail }]);
  }
  return { envelope: { method, parameters: set.id } };
}

export const withReceiverKey = (plan: OpeningPlan, receiverKey: Signed<unknown>): OpenBody => ({
  ...plan.body,
  receiverKey: receiverKey as OpenBody["receiverKey"],
});

function compiledLayout(
  request: DataRequest,
  assets: readonly Candidate["asset"][],
  attributes: OpeningInputs["attributes"],
  withSquares: boolean,
) {
  try {
    return compileLayout({ query: request.query, assets, attributes, withSquares });
  } catch (error) {
    if (!(error instanceof StatisticsError)) throw error;
    throw notOpenable([{ field: error.field, code: error.code, detail: error.message }]);
  }
}

export function termsOf(policy: Candidate["policy"]) {
  const parsed = parsePolicy(policy);
  if (parsed.ok) return parsed.terms;
  throw new ComputationError("ERR_COMPUTATION_NOT_OPENABLE", `policy ${policy["@id"]}: ${listed(parsed.problems)}`, {
    problems: parsed.problems,
  });
}

function deadlinesFrom(now: number, times: StepTimes, mode: CellMode, reviewHours: number): OpenBody["deadlines"] {
  const keys = now + times.keysMs;
  const shares = keys + times.sharesMs;
  const contribution1 = shares + (mode === "counted" ? times.contributionMs : 1000);
  const contribution2 = contribution1 + times.contributionMs;
  const at = (ms: number) => new Date(ms).toISOString();
  return {
    keys: at(keys),
    shares: at(shares),
    contribution1: at(contribution1),
    contribution2: at(contribution2),
    release: at(contribution2 + reviewHours * 3_600_000 + times.releaseMs),
  };
}

const listed = (problems: readonly Problem[]): string => problems.map(problemLine).join("; ");

const notOpenable = (problems: readonly Problem[]) =>
  new ComputationError("ERR_COMPUTATION_NOT_OPENABLE", listed(problems), { problems });
