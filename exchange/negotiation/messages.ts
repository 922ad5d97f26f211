/**
 * Messages of the DSP 2025-1 contract negotiation protocol, by the normative schemas of
 * eclipse-dataspace-protocol-base/DataspaceProtocol (negotiation/*-schema.json), tightened by size limits.
 * Unknown properties are allowed there, and so here.
 */
import { type Static, Type } from "typebox";
import { Bytes32, closed, literals } from "../../policies/model/vocabulary.ts";
import { Address, Pids as both, Id, message, Reasons as reasons } from "../protocol/vocabulary.ts";

export const NEGOTIATION_STATES = [
  "REQUESTED",
  "OFFERED",
  "ACCEPTED",
  "AGREED",
  "VERIFIED",
  "FINALIZED",
  "TERMINATED",
] as const;
export type NegotiationState = (typeof NEGOTIATION_STATES)[number];

const RightOperand = Type.Union([Type.String(), Type.Object({}), Type.Array(Type.Unknown())]);
const AtomicConstraint = Type.Object({
  leftOperand: Type.String(),
  operator: literals([
    "eq",
    "gt",
    "gteq",
    "lteq",
    "hasPart",
    "isA",
    "isAllOf",
    "isAnyOf",
    "isNoneOf",
    "isPartOf",
    "lt",
    "term-lteq",
    "neq",
  ]),
  rightOperand: RightOperand,
});
const Logical = Type.Array(Type.Unknown(), { maxItems: 1000 });
const Constraint = Type.Union([
  AtomicConstraint,
  Type.Object({ and: Logical }),
  Type.Object({ andSequence: Logical }),
  Type.Object({ or: Logical }),
  Type.Object({ xone: Logical }),
]);
const DspDuty = Type.Object({ action: Type.String(), constraint: Type.Optional(Type.Array(Constraint)) });
const DspRule = Type.Object({
  action: Type.String(),
  constraint: Type.Optional(Type.Array(Constraint)),
  duty: Type.Optional(Type.Array(DspDuty)),
});
const rules = {
  profile: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
  permission: Type.Optional(Type.Array(DspRule, { minItems: 1, maxItems: 1000 })),
  prohibition: Type.Optional(Type.Array(DspRule, { minItems: 1, maxItems: 1000 })),
  obligation: Type.Optional(Type.Array(DspDuty, { minItems: 1, maxItems: 1000 })),
};

/** An offer inside a message. A permission or a prohibition must be there (checked by parseMessage). */
export const MessageOffer = Type.Object({ "@id": Id, "@type": Type.Literal("Offer"), target: Id, ...rules });

export const Agreement = Type.Object({
  "@id": Id,
  "@type": Type.Literal("Agreement"),
  target: Id,
  assigner: Id,
  assignee: Id,
  timestamp: Type.String({
    pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2})$",
  }),
  ...rules,
});

/** First request: `callbackAddress`; counter-request: `providerPid`; exactly one of them (checked by parseMessage). */
export const ContractRequestMessage = message("ContractRequestMessage", {
  consumerPid: Id,
  providerPid: Type.Optional(Id),
  offer: MessageOffer,
  callbackAddress: Type.Optional(Address),
});
/** First offer: `callbackAddress`; answer to a request: `consumerPid`; exactly one of them (checked by parseMessage). */
export const ContractOfferMessage = message("ContractOfferMessage", {
  providerPid: Id,
  consumerPid: Type.Optional(Id),
  offer: MessageOffer,
  callbackAddress: Type.Optional(Address),
});
/** Why the provider permitted it: what the salted digest of its decision on the ledger covers. */
export const SaltedExplanation = closed({ salt: Bytes32, document: Type.Unknown() });
export type SaltedExplanation = Static<typeof SaltedExplanation>;
export const ContractAgreementMessage = message("ContractAgreementMessage", {
  ...both,
  agreement: Agreement,
  "sealane:explanation": Type.Optional(SaltedExplanation),
});
export const ContractAgreementVerificationMessage = message("ContractAgreementVerificationMessage", both);
export const ContractNegotiationEventMessage = message("ContractNegotiationEventMessage", {
  ...both,
  eventType: Type.Union([Type.Literal("ACCEPTED"), Type.Literal("FINALIZED")]),
});
export const ContractNegotiationTerminationMessage = message("ContractNegotiationTerminationMessage", {
  ...both,
  ...reasons,
});
/** Where a negotiation stands: the answer to an event. */
export const ContractNegotiation = message("ContractNegotiation", {
  ...both,
  state: literals(NEGOTIATION_STATES),
});

/** What moves a negotiation. */
export const NEGOTIATION_MESSAGES = {
  ContractRequestMessage,
  ContractOfferMessage,
  ContractAgreementMessage,
  ContractAgreementVerificationMessage,
  ContractNegotiationEventMessage,
  ContractNegotiationTerminationMessage,
} as const;

export type MessageOffer = Static<typeof MessageOffer>;
export type Agreement = Static<typeof Agreement>;
export type ContractRequestMessage = Static<typeof ContractRequestMessage>;
export type ContractOfferMessage = Static<typeof ContractOfferMessage>;
export type ContractAgreementMessage = Static<typeof ContractAgreementMessage>;
export type ContractAgreementVerificationMessage = Static<typeof ContractAgreementVerificationMessage>;
export type ContractNegotiationEventMessage = Static<typeof ContractNegotiationEventMessage>;
export type ContractNegotiationTerminationMessage = Static<typeof ContractNegotiationTerminationMessage>;
export type ContractNegotiation = Static<typeof ContractNegotiation>;
export type NegotiationMessage =
  | ContractRequestMessage
  | ContractOfferMessage
  | ContractAgreementMessage
  | ContractAgreementVerificationMessage
  | ContractNegotiationEventMessage
  | ContractNegotiationTerminationMessage;
