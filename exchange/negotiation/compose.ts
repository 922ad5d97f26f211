/** Builds the messages of a negotiation. */
import { type Cause, context } from "../protocol/vocabulary.ts";
import type {
  Agreement,
  ContractAgreementMessage,
  ContractAgreementVerificationMessage,
  ContractNegotiation,
  ContractNegotiationEventMessage,
  ContractNegotiationTerminationMessage,
  ContractOfferMessage,
  ContractRequestMessage,
  MessageOffer,
  SaltedExplanation,
} from "./messages.ts";
import type { Negotiation } from "./negotiation.ts";

type Pids = Pick<Negotiation, "providerPid" | "consumerPid">;

const pids = ({ providerPid, consumerPid }: Pids) => ({ providerPid, consumerPid });

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

/** An answer to an offer with another one. */
export const counterRequest = (negotiation: Pids, offer: MessageOffer): ContractRequestMessage => ({
  "@context": context(),
  "@type": "ContractRequestMessage",
  ...pids(negotiation),
  offer,
});

/** An answer to a request with another offer, or with the same one to be accepted. */
export const offerMessage = (negotiation: Pids, offer: MessageOffer): ContractOfferMessage => ({
  "@context": context(),
  "@type": "ContractOfferMessage",
  ...pids(negotiation),
  offer,
});

export const agreementMessage = <A extends Agreement>(
  negotiation: Pids,
  agreement: A,
  explanation?: SaltedExplanation,
): ContractAgreementMessage & { readonly agreement: A } => ({
  "@context": context(),
  "@type": "ContractAgreementMessage",
  ...pids(negotiation),
  agreement,
  ...(explanation === undefined ? {} : { "sealane:explanation": explanation }),
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

/** Answer to an event and to a question about the negotiation. */
export const negotiationDocument = (negotiation: Negotiation): ContractNegotiation => ({
  "@context": context(),
  "@type": "ContractNegotiation",
  ...pids(negotiation),
  state: negotiation.state,
});

/** An end always says why. */
export const negotiationTermination = (negotiation: Pids, cause: Cause): ContractNegotiationTerminationMessage => ({
  "@context": context(),
  "@type": "ContractNegotiationTerminationMessage",
  ...pids(negotiation),
  ...cause,
});
