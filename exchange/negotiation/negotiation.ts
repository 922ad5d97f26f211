/**
 * One contract negotiation as a pure state machine, the same on both sides (DSP 2025-1, contract negotiation protocol,
 * "State Machine"). A state changes only when the receiver acknowledges: the receiver applies `step` before it answers,
 * the sender after the acknowledgement; an error answer changes nothing.
 */
import type { Agreement, MessageOffer, NegotiationMessage, NegotiationState } from "./messages.ts";

export type NegotiationRole = "consumer" | "provider";

export interface Negotiation {
  readonly providerPid: string;
  readonly consumerPid: string;
  readonly state: NegotiationState;
  /** Where the side that opened the negotiation takes answers. */
  readonly callbackAddress: string | undefined;
  /** The last offer made by either side. */
  readonly offer: MessageOffer;
  readonly offeredBy: NegotiationRole;
  readonly agreement: Agreement | undefined;
  readonly termination: { readonly by: NegotiationRole; readonly code: string | undefined } | undefined;
}

const NEGOTIATION_PROBLEMS = ["transition-not-allowed", "pid-mismatch", "callback-missing", "target-mismatch"] as const;
export type NegotiationProblem = (typeof NEGOTIATION_PROBLEMS)[number];

export type Step =
  | { readonly ok: true; readonly negotiation: Negotiation }
  /** Nothing changed: the message is refused with this code. */
  | { readonly ok: false; readonly code: NegotiationProblem; readonly detail: string };

/** What a message asks for: its type, split where one type has two meanings. */
type Act = "request" | "offer" | "accept" | "agree" | "verify" | "finalize" | "terminate";
type From = NegotiationState | "START";
interface Transition {
  readonly by: readonly NegotiationRole[];
  readonly to: NegotiationState;
}

const consumer = (to: NegotiationState): Transition => ({ by: ["consumer"], to });
const provider = (to: NegotiationState): Transition => ({ by: ["provider"], to });
const either = (to: NegotiationState): Transition => ({ by: ["consumer", "provider"], to });

const TRANSITIONS: Readonly<Record<From, Readonly<Partial<Record<Act, Transition>>>>> = Object.freeze({
  START: { request: consumer("REQUESTED"), offer: provider("OFFERED") },
  REQUESTED: { offer: provider("OFFERED"), agree: provider("AGREED"), terminate: either("TERMINATED") },
  OFFERED: { request: consumer("REQUESTED"), accept: consumer("ACCEPTED"), terminate: either("TERMINATED") },
  ACCEPTED: { agree: provider("AGREED"), terminate: provider("TERMINATED") },
  AGREED: { verify: consumer("VERIFIED"), terminate: consumer("TERMINATED") },
  VERIFIED: { finalize: provider("FINALIZED"), terminate: provider("TERMINATED") },
  FINALIZED: {},
  TERMINATED: {},
});

function actOf(message: NegotiationMessage): Act {
  switch (message["@type"]) {
    case "ContractRequestMessage":
      return "request";
    case "ContractOfferMessage":
      return "offer";
    case "ContractAgreementMessage":
      return "agree";
    case "ContractAgreementVerificationMessage":
      return "verify";
    case "ContractNegotiationTerminationMessage":
      return "terminate";
    case "ContractNegotiationEventMessage":
      return message.eventType === "ACCEPTED" ? "accept" : "finalize";
  }
}

/**
 * `negotiation` is undefined for a first message. `from` is the role that sent it; `message` has passed parseMessage.
 * `pid` is the id that the side which receives a first message gives the negotiation (providerPid for a request,
 * consumerPid for an offer); it is not read otherwise.
 */
export function step(
  negotiation: Negotiation | undefined,
  from: NegotiationRole,
  message: NegotiationMessage,
  pid: string,
): Step {
  const state = negotiation?.state ?? "START";
  const act = actOf(message);
  const transition = TRANSITIONS[state][act];
  if (transition === undefined || !transition.by.includes(from)) {
    return refuse("transition-not-allowed", `${from} may not ${act} in state ${state}`);
  }
  if (negotiation === undefined) return begin(from, message, pid, transition.to);
  const mismatch = pidMismatch(negotiation, message);
  if (mismatch !== undefined) return mismatch;
  return advance(negotiation, from, message, transition.to);
}

const refuse = (code: NegotiationProblem, detail: string): Step => ({ ok: false, code, detail });

function begin(from: NegotiationRole, message: NegotiationMessage, pid: string, state: NegotiationState): Step {
  if (message["@type"] !== "ContractRequestMessage" && message["@type"] !== "ContractOfferMessage") {
    return refuse("transition-not-allowed", "a negotiation begins with a request or an offer");
  }
  if (message.callbackAddress === undefined) {
    return refuse("callback-missing", "callbackAddress: wanted in the first message");
  }
  const pids =
    message["@type"] === "ContractRequestMessage"
      ? { providerPid: pid, consumerPid: message.consumerPid }
      : { providerPid: message.providerPid, consumerPid: pid };
  const negotiation: Negotiation = {
    ...pids,
    state,
    callbackAddress: message.callbackAddress,
    offer: message.offer,
    offeredBy: from,
    agreement: undefined,
    termination: undefined,
  };
  return { ok: true, negotiation: Object.freeze(negotiation) };
}

function pidMismatch(negotiation: Negotiation, message: NegotiationMessage): Step | undefined {
  for (const name of ["providerPid", "consumerPid"] as const) {
    if (message[name] === negotiation[name]) continue;
    return refuse("pid-mismatch", `${name}: wanted ${negotiation[name]}, got ${message[name] ?? "none"}`);
  }
  return undefined;
}

function advance(
  negotiation: Negotiation,
  from: NegotiationRole,
  message: NegotiationMessage,
  state: NegotiationState,
): Step {
  const { target } = negotiation.offer;
  const change = (fields: Partial<Negotiation>): Step => ({
    ok: true,
    negotiation: Object.freeze({ ...negotiation, ...fields, state }),
  });
  switch (message["@type"]) {
    case "ContractRequestMessage":
    case "ContractOfferMessage":
      if (message.offer.target !== target) {
        return refuse("target-mismatch", `offer.target: wanted ${target}, got ${message.offer.target}`);
      }
      return change({ offer: message.offer, offeredBy: from });
    case "ContractAgreementMessage":
      if (message.agreement.target !== target) {
        return refuse("target-mismatch", `agreement.target: wanted ${target}, got ${message.agreement.target}`);
      }
      return change({ agreement: message.agreement });
    case "ContractNegotiationTerminationMessage":
      return change({ termination: { by: from, code: message.code } });
    default:
      return change({});
  }
}
