/**
 * One contract negotiation as a pure state machine, the same on both sides (DSP 2025-1, contract negotiation protocol,
 * section "State Machine"). A state changes only when the receiver acknowledges, so the sender applies `step` after the
 * acknowledgement and the receiver before it answers.
 */
import type { Agreement, MessageOffer, NegotiationMessage, NegotiationState } from "./messages.ts";

export type NegotiationRole = "consumer" | "provider";

export interface Negotiation {
  readonly providerPid: string;
  readonly consumerPid: string;
  readonly state: NegotiationState;
  /** Where the other side of the first message is answered; from that message. */
  readonly callbackAddress: string | undefined;
  /** The last offer made by either side. */
  readonly offer: MessageOffer;
  readonly offeredBy: NegotiationRole;
  readonly agreement: Agreement | undefined;
  readonly termination: { readonly by: NegotiationRole; readonly code: string | undefined } | undefined;
}

export type Step =
  | { readonly ok: true; readonly negotiation: Negotiation }
  /** Nothing changed: answer 400 with a ContractNegotiationError of this code. */
  | { readonly ok: false; readonly code: NegotiationProblem; readonly detail: string };

export const NEGOTIATION_PROBLEMS = [
  "message-invalid",
  "transition-not-allowed",
  "pid-mismatch",
  "own-offer",
  "offer-mismatch",
  "agreement-mismatch",
] as const;
export type NegotiationProblem = (typeof NEGOTIATION_PROBLEMS)[number];

/**
 * `from`: the role that sent the message. `pid`: the id that the side which receives a first message gives the
 * negotiation (providerPid for a request, consumerPid for an offer); unused otherwise.
 */
export function step(
  _negotiation: Negotiation | undefined,
  _from: NegotiationRole,
  _message: NegotiationMessage,
  _pid: string,
): Step {
  return { ok: false, code: "transition-not-allowed", detail: "" };
}
