/**
 * One contract negotiation as a pure state machine, the same on both sides (DSP 2025-1, contract negotiation protocol,
 * "State Machine"). A state changes only when the receiver acknowledges: the receiver applies `step` before it answers,
 * the sender after the acknowledgement; an error answer changes nothing.
 */
import { type Moves, refuse, type Step as StepOf } from "../protocol/side.ts";
import { byConsumer, byEither, byProvider, isFinal, nextState, type Transitions } from "../protocol/transitions.ts";
import { keptReasons, type Role } from "../protocol/vocabulary.ts";
import type { Agreement, MessageOffer, NegotiationMessage, NegotiationState, SaltedExplanation } from "./messages.ts";

export type NegotiationRole = Role;

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
  /** What came with the agreement, where its provider explains it. */
  readonly explanation?: SaltedExplanation;
  readonly termination: Termination | undefined;
}

/** Who ended it, and why as that side said it. */
export interface Termination {
  readonly by: Role;
  readonly code: string | undefined;
  readonly reason?: readonly unknown[];
}

export type Step = StepOf<Negotiation>;
/** What a message asks for: its type, split where one type has two meanings. */
type Act = "request" | "offer" | "accept" | "agree" | "verify" | "finalize" | "terminate";

const TRANSITIONS: Transitions<NegotiationState, Act> = Object.freeze({
  START: { request: byConsumer("REQUESTED"), offer: byProvider("OFFERED") },
  REQUESTED: { offer: byProvider("OFFERED"), agree: byProvider("AGREED"), terminate: byEither("TERMINATED") },
  OFFERED: { request: byConsumer("REQUESTED"), accept: byConsumer("ACCEPTED"), terminate: byEither("TERMINATED") },
  ACCEPTED: { agree: byProvider("AGREED"), terminate: byProvider("TERMINATED") },
  AGREED: { verify: byConsumer("VERIFIED"), terminate: byConsumer("TERMINATED") },
  VERIFIED: { finalize: byProvider("FINALIZED"), terminate: byProvider("TERMINATED") },
  FINALIZED: {},
  TERMINATED: {},
});

export const isNegotiationOver = (state: NegotiationState): boolean => isFinal(TRANSITIONS, state);

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
  const next = nextState(TRANSITIONS, state, from, act);
  if (next === undefined) return refuse("transition-not-allowed", `${from} may not ${act} in state ${state}`);
  if (negotiation === undefined) return begin(from, message, pid, next);
  const mismatch = pidMismatch(negotiation, message);
  if (mismatch !== undefined) return mismatch;
  return advance(negotiation, from, message, next);
}

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
  return { ok: true, document: Object.freeze(negotiation) };
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
    document: Object.freeze({ ...negotiation, ...fields, state }),
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
      return change({
        agreement: message.agreement,
        ...(message["sealane:explanation"] === undefined ? {} : { explanation: message["sealane:explanation"] }),
      });
    case "ContractNegotiationTerminationMessage": {
      const reason = keptReasons(message.reason);
      return change({ termination: { by: from, code: message.code, ...(reason === undefined ? {} : { reason }) } });
    }
    default:
      return change({});
  }
}

export const negotiationMoves: Moves<Negotiation, NegotiationMessage> = Object.freeze({
  step,
  // One role has the word in every state but for the end, which either may say at any time.
  rank: (message: NegotiationMessage) => (message["@type"] === "ContractNegotiationTerminationMessage" ? 1 : 0),
  pidOf: (message: NegotiationMessage, role: Role) => (role === "provider" ? message.providerPid : message.consumerPid),
});
