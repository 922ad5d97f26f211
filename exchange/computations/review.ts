/**
 * Does an opening say what it should? Every party asks before it takes part: the layout must follow from the query and
 * the registered assets, the constants from the policies that were decided under, the roles from the request.
 */
import { Compile } from "typebox/compile";
import type { Layout as VectorLayout } from "../../crypto/secagg/layout.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { outputOf, strictest } from "../../policies/engine/strictest.ts";
import { namesLargest, type OutputTerms } from "../../policies/model/output-terms.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import { Query } from "../../policies/model/query.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import { cellModeOf } from "../../policies/model/statistic.ts";
import { compileLayout } from "../statistics/compile.ts";
import { StatisticsError } from "../statistics/errors.ts";
import type { Layout } from "../statistics/layout.ts";
import { LayoutDocument, metadataDigest, PolicyDocument } from "./documents.ts";
import { ComputationError } from "./errors.ts";
import { envelopeOf, type OpenBody, privateParty } from "./opening.ts";
import { type NoisePlan, noisePlan, openedPrivacy } from "./privacy.ts";
import { vectorLayout } from "./secagg-layout.ts";

export const REVIEW_REASONS = [
  "document-malformed",
  "query-differs",
  "layout-differs",
  "asset-differs",
  "policy-differs",
  "constants-differ",
  "cells-differ",
  "roles-differ",
  "method-differs",
  "agreement-missing",
] as const;
export type ReviewReason = (typeof REVIEW_REASONS)[number];

export interface ReviewInputs {
  readonly opened: OpenBody;
  readonly query: unknown;
  readonly layout: unknown;
  readonly policy: unknown;
  readonly request: DataRequest;
  readonly sequencer: string;
  readonly attributes: Readonly<Record<string, readonly string[]>>;
  /** By asset of the cohort: what the ledger registered and what it was decided under. */
  readonly ledger: Readonly<Record<string, { readonly metadata?: string; readonly policy?: string }>>;
}

export type Review =
  | {
      readonly ok: true;
      readonly layout: Layout;
      readonly assets: LayoutDocument["assets"];
      readonly vector: VectorLayout;
      /** Every policy lets C be the sequencer too. */
      readonly coordinatorMaySequence: boolean;
      /** What the release must withstand. */
      readonly output: OutputTerms;
      /** Undefined: sums are exact. */
      readonly noise: NoisePlan | undefined;
    }
  | { readonly ok: false; readonly reason: ReviewReason; readonly detail: string };

const schemas = { query: Compile(Query), layout: Compile(LayoutDocument), policy: Compile(PolicyDocument) };

export function reviewOpening(inputs: ReviewInputs): Review {
  const { opened, request } = inputs;
  for (const name of ["query", "layout", "policy"] as const) {
    if (!schemas[name].Check(inputs[name])) return refuse("document-malformed", name);
  }
  const { layout, assets } = inputs.layout as LayoutDocument;
  const { policies } = inputs.policy as PolicyDocument;
  // Its agreement was made without minimum numbers of organisations.
  if (request.encryptedQuery !== undefined) return refuse("method-differs", "encryptedQuery");
  if (request.join !== undefined) return refuse("method-differs", "join");
  if (canonicalJson(inputs.query) !== canonicalJson(request.query)) return refuse("query-differs", "query");
  const roles = [opened.request, opened.receiver, opened.coordinator, opened.receiverMode].join();
  if (roles !== [request.id, request.receiver, request.coordinator, request.receiverMode].join()) {
    return refuse("roles-differ", roles);
  }
  const stray = opened.cohort.findIndex(
    ({ asset, assetVersion }, index) => assets[index]?.id !== asset || assets[index]?.version !== assetVersion,
  );
  if (stray >= 0 || assets.length !== opened.cohort.length) return refuse("asset-differs", `cohort[${stray}]`);
  const changed = assets.find((asset) => inputs.ledger[asset.id]?.metadata !== metadataDigest(asset));
  if (changed !== undefined) return refuse("asset-differs", changed.id);
  return reviewConstants(inputs, { layout, assets, policies });
}

function reviewConstants(
  { opened, request, sequencer, attributes, ledger }: ReviewInputs,
  documents: LayoutDocument & PolicyDocument,
): Review {
  const { layout, assets, policies } = documents;
  const parties = assets.map((asset, index) => {
    const parsed = parsePolicy(policies[index]);
    return parsed.ok && parsed.terms.asset === asset.id && parsed.terms.digest === ledger[asset.id]?.policy
      ? { policy: parsed.terms, asset }
      : undefined;
  });
  const sound = parties.filter((party) => party !== undefined);
  if (sound.length !== parties.length || policies.length !== assets.length) {
    return refuse("policy-differs", assets[parties.indexOf(undefined)]?.id ?? "policies");
  }
  const withSquares = namesLargest(outputOf(sound));
  const compiled = compile(request.query, assets, attributes, withSquares);
  if (canonicalJson(compiled) !== canonicalJson(layout)) return refuse("layout-differs", "layout");
  if (!isEnvelope(opened, request, layout)) return refuse("method-differs", "envelope");
  const cellMode = cellModeOf(request.query, assets);
  const wanted = canonicalJson({ mode: cellMode, dimensions: layout.dimensions });
  if (canonicalJson(opened.cells) !== wanted) return refuse("cells-differ", "cells");
  const minima = strictest(sound, {
    query: request.query,
    cellMode,
    receiverMode: request.receiverMode,
    receiver: request.receiver,
    method: request.method ?? "mask",
    coordinatorIsSequencer: request.coordinator === sequencer,
  });
  if (!minima.ok) return refuse("constants-differ", minima.problems[0]?.code ?? "constants");
  if (canonicalJson(minima.constants) !== canonicalJson(opened.constants))
    return refuse("constants-differ", "constants");
  if (canonicalJson(minima.output.review ?? null) !== canonicalJson(opened.review ?? null))
    return refuse("constants-differ", "review");
  const noise = minima.privacy && noiseOf(layout, sound.map(privateParty), minima.privacy);
  if (canonicalJson((noise && openedPrivacy(noise)) ?? null) !== canonicalJson(opened.privacy ?? null))
    return refuse("constants-differ", "privacy");
  const vector = vectorLayout({
    layout,
    parties: assets.map((asset, index) => ({ member: opened.cohort[index]!.member, asset })),
    colluders: opened.constants.colluders,
    exactMomentsTrusted: minima.exactMomentsTrusted,
    excluded: [],
  });
  const coordinatorMaySequence = sound.every(({ policy }) => policy.coordinatorMayBeSequencer);
  return { ok: true, layout, assets, vector, coordinatorMaySequence, output: minima.output, noise };
}

function compile(
  query: Query,
  assets: LayoutDocument["assets"],
  attributes: ReviewInputs["attributes"],
  withSquares: boolean,
): unknown {
  try {
    return compileLayout({ query, assets, attributes, withSquares });
  } catch (error) {
    if (error instanceof StatisticsError) return null;
    throw error;
  }
}

function noiseOf(...plan: Parameters<typeof noisePlan>): NoisePlan | undefined {
  try {
    return noisePlan(...plan);
  } catch (error) {
    if (error instanceof ComputationError) return undefined;
    throw error;
  }
}

/** The one that follows from what was asked for. */
function isEnvelope({ envelope, cohort }: OpenBody, request: DataRequest, layout: Layout): boolean {
  try {
    const wanted = envelopeOf(request, layout, cohort.length).envelope;
    return canonicalJson(wanted ?? null) === canonicalJson(envelope ?? null);
  } catch (error) {
    if (error instanceof ComputationError) return false;
    throw error;
  }
}

const refuse = (reason: ReviewReason, detail: string): Review => ({ ok: false, reason, detail });
