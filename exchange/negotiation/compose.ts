/** Builds the messages of a negotiation. */
import {
  type Agreement,
  type ContractAgreementMessage,
  type ContractAgreementVerificationMessage,
  type ContractNegotiation,
  type ContractNegotiationError,
  type ContractNegotiationEventMessage,
  type ContractNegotiationTerminationMessage,
  type ContractOfferMessage,
  type ContractRequestMessage,
  DSP_CONTEXT,
  type MessageOffer,
} from "./messages.ts";
import type { Negotiation } from "./negotiation.ts";

type Pids = Pick<Negotiation, "providerPid" | "consumerPid">;

const context = (): string[] => [DSP_CONTEXT];
const pids = ({ providerPid, consumerPid }: Pids) => ({ providerPid, consumerPid });
const why = (code: string, reasons: readonly string[]) => ({
  code,
  // The schemas demand at least one reason where the list is present.
  ...(reasons.length === 0 ? {} : { reason: [...reasons] }),
});

export const firstRequest = (
  consumerPid: string,
  offer: MessageOffer,
  callbackAddress: string,
): ContractRequestMessage => ({
  "@context": context(),
  "@type": "ContractRequestMessage",
  consumerPid,
  offer,
  callbackAddress,
});

export const counterRequest = (negotiation: Pids, offer: MessageOffer): ContractRequestMessage => ({
  "@context": context(),
  "@type": "ContractRequestMessage",
  ...pids(negotiation),
  offer,
});

export const firstOffer = (
  providerPid: string,
  offer: MessageOffer,
  callbackAddress: string,
): ContractOfferMessage => ({
  "@context": context(),
  "@type": "ContractOfferMessage",
  providerPid,
  offer,
  callbackAddress,
});

export const counterOffer = (negotiation: Pids, offer: MessageOffer): ContractOfferMessage => ({
  "@context": context(),
  "@type": "ContractOfferMessage",
  ...pids(negotiation),
  offer,
});

export const agreementMessage = (negotiation: Pids, agreement: Agreement): ContractAgreementMessage => ({
  "@context": context(),
  "@type": "ContractAgreementMessage",
  ...pids(negotiation),
  agreement,
});

export const verificationMessage = (negotiation: Pids): ContractAgreementVerificationMessage => ({
  "@context": context(),
  "@type": "ContractAgreementVerificationMessage",
  ...pids(negotiation),
});

export const eventMessage = (
  negotiation: Pids,
  eventType: ContractNegotiationEventMessage["eventType"],
): ContractNegotiationEventMessage => ({
  "@context": context(),
  "@type": "ContractNegotiationEventMessage",
  ...pids(negotiation),
  eventType,
});

export const terminationMessage = (
  negotiation: Pids,
  code: string,
  reasons: readonly string[] = [],
): ContractNegotiationTerminationMessage => ({
  "@context": context(),
  "@type": "ContractNegotiationTerminationMessage",
  ...pids(negotiation),
  ...why(code, reasons),
});

/** Answer to a first message and to a question about the negotiation. */
export const negotiationDocument = (negotiation: Negotiation): ContractNegotiation => ({
  "@context": context(),
  "@type": "ContractNegotiation",
  ...pids(negotiation),
  state: negotiation.state,
});

export const negotiationError = (
  negotiation: Pids,
  code: string,
  reasons: readonly string[] = [],
): ContractNegotiationError => ({
  "@context": context(),
  "@type": "ContractNegotiationError",
  ...pids(negotiation),
  ...why(code, reasons),
});
