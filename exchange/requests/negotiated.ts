/** What a negotiation is about, and what ends it although nobody has refused anything. */
import { dataRequestOf } from "../negotiation/data-request.ts";
import type { Negotiation } from "../negotiation/negotiation.ts";
import { type Cause, causeOf } from "../protocol/vocabulary.ts";
import type { RequestLife } from "./life.ts";

/** Causes with which a negotiation about a data request ends. */
export const NEGOTIATION_END_REASONS = [
  "data-request-refused",
  "request-cancelled",
  "request-failed",
  "request-ended",
  /** Of the agreement, since it was drawn up or verified: the requester asks anew. */
  "policy-replaced",
  "agreement-mismatch",
  "peer-unreachable",
] as const;
type EndReason = (typeof NEGOTIATION_END_REASONS)[number];
export const POLICY_REPLACED = "policy-replaced" satisfies EndReason;

export const ending = (reason: EndReason, ...details: readonly string[]): Cause => causeOf(reason, ...details);

/** Agreements can still be concluded, and a computation of the request may use them. */
const OPEN: readonly RequestLife["name"][] = ["submitted", "agreed", "opened"];

export const isOpenToAgree = ({ name }: RequestLife): boolean => OPEN.includes(name);

export interface Subject {
  readonly request: string;
  readonly asset: string;
}

/** Undefined for a negotiation about no data request. */
export function subjectOf({ offer }: Pick<Negotiation, "offer">): Subject | undefined {
  const reference = dataRequestOf(offer);
  return reference === undefined ? undefined : { request: reference.request, asset: offer.target };
}

/** Why nothing can be agreed on any more: the request is over, or its provider has refused. */
export function endOf(life: RequestLife, asset: string): Cause | undefined {
  if (life.name === "draft") return undefined;
  const decision = life.assets[asset];
  if (decision?.outcome === "refuse") return ending("data-request-refused", ...decision.reasons);
  if (isOpenToAgree(life)) return undefined;
  if (life.name === "cancelled") return ending("request-cancelled", life.reason);
  return life.name === "failed" ? ending("request-failed", life.reason) : ending("request-ended");
}
