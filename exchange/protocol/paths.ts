/** The HTTPS binding as data: which message goes to which path under the base address of the side that takes it. */

export interface MessagePaths<T extends string> {
  /** Of a first message: `<collection>/<first>`; all later ones `<collection>/<pid of the side that takes it>/<later>`. */
  readonly first: Readonly<Partial<Record<T, string>>>;
  readonly later: Readonly<Partial<Record<T, string>>>;
}

/** Of the version that is spoken here, below the address that other members reach a node under. */
export const DATASPACE_PATH = "/dsp/2025-1";

export const NEGOTIATION_COLLECTION = "negotiations";
export const TRANSFER_COLLECTION = "transfers";

export const NEGOTIATION_PATHS = Object.freeze({
  first: { ContractRequestMessage: "request", ContractOfferMessage: "offers" },
  later: {
    ContractRequestMessage: "request",
    ContractOfferMessage: "offers",
    ContractAgreementMessage: "agreement",
    ContractAgreementVerificationMessage: "agreement/verification",
    ContractNegotiationEventMessage: "events",
    ContractNegotiationTerminationMessage: "termination",
  },
} as const);

export const TRANSFER_PATHS = Object.freeze({
  first: { TransferRequestMessage: "request" },
  later: {
    TransferStartMessage: "start",
    TransferCompletionMessage: "completion",
    TransferSuspensionMessage: "suspension",
    TransferTerminationMessage: "termination",
  },
} as const);

/** A base address with or without a slash at its end, and a path below it. */
export const joined = (base: string, ...segments: readonly string[]): string =>
  [base.replace(/\/+$/, ""), ...segments].join("/");
