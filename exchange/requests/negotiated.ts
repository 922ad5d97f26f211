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
  /** Nothing has moved for as long as this side waits: the requester asks anew. */
  "deadline-passed",
  /** The other side does not take what this one has to say. */
  "peer-refused",
  /** The requester has begun its next attempt. */
  "superseded",
] as const;
type EndReason = (typeof NEGOTIATION_END_REASONS)[number];
export const POLICY_REPLACED = "policy-replaced" satisfies EndReason;
export const SUPERSEDED = "superseded" satisfies EndReason;

/** The requester asks anew: nobody has refused anything. */
const RENEWED: readonly string[] = ["policy-replaced"] satisfies readonly EndReason[];
/** So it does where it was itself that gave up; a provider that says so does not want to be asked again. */
const GIVEN_UP: readonly string[] = ["peer-unreachable", "deadline-passed"] satisfies readonly EndReason[];
/** Refusals of a first message that time, or the next attempt's id, mends. */
const MENDED: readonly string[] = ["negotiation-running", "pid-taken"];
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 24 * 60 * 60_000;

/** Of a first message: the answer that it was given up after. `isFinal`: the provider has refused it. */
export interface FirstRefusal {
  readonly at: string;
  readonly code: string;
  readonly isFinal?: boolean;
}

/**
 * When the requester asks a provider anew after this negotiation, in milliseconds since 1970; undefined where it does
 * not. `refusal`: of a first message that was never taken; unless the provider has refused it in the protocol's own
 * words, that says nothing about the request.
 */
export function asksAgainAt(
  document: Pick<Negotiation, "termination"> | undefined,
  refusal: FirstRefusal | undefined,
  attempt: number,
): number | undefined {
  if (document !== undefined) {
    const { by, code = "" } = document.termination ?? {};
    return RENEWED.includes(code) || (by === "consumer" && GIVEN_UP.includes(code)) ? 0 : undefined;
  }
  if (refusal === undefined) return undefined;
  const isWord = refusal.isFinal === true && !refusal.code.startsWith("http-");
  if (isWord && !MENDED.includes(refusal.code)) return undefined;
  return Date.parse(refusal.at) + Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS);
}

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
