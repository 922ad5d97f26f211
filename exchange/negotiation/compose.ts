/** Builds the messages of a negotiation. */
import {
  type Agreement,
  type ContractAgreementMessage,
  type ContractAgreementVerificationMessage,
  type ContractNegotiation,
  type ContractNegotiationEventMessage,
  type ContractRequestMessage,
  DSP_CONTEXT,
  type MessageOffer,
} from "./messages.ts";
import type { Negotiation } from "./negotiation.ts";

type Pids = Pick<Negotiation, "providerPid" | "consumerPid">;

const context = (): string[] => [DSP_CONTEXT];
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

export const agreementMessage = <A extends Agreement>(
  negotiation: Pids,
  agreement: A,
): ContractAgreementMessage & { readonly agreement: A } => ({
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

/** Answer to an event and to a question about the negotiation. */
export const negotiationDocument = (negotiation: Negotiation): ContractNegotiation => ({
  "@context": context(),
  "@type": "ContractNegotiation",
  ...pids(negotiation),
  state: negotiation.state,
});
