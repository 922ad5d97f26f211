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

/** Which message a call at this path below the base address brings, and for which process; undefined for none. */
export function callAt<T extends string>(
  { collection, paths }: { readonly collection: string; readonly paths: MessagePaths<T> },
  path: string,
): { readonly type: T; readonly pid?: string } | undefined {
  if (!path.startsWith(`${collection}/`)) return undefined;
  const rest = path.slice(collection.length + 1);
  const typeAt = (of: MessagePaths<T>["first"], at: string) =>
    Object.entries<string | undefined>(of as Readonly<Record<string, string>>).find(([, one]) => one === at)?.[0] as
      | T
      | undefined;
  const first = typeAt(paths.first, rest);
  if (first !== undefined) return { type: first };
  const slash = rest.indexOf("/");
  const later = slash < 0 ? undefined : typeAt(paths.later, rest.slice(slash + 1));
  const pid = slash < 0 ? undefined : decoded(rest.slice(0, slash));
  return later === undefined || pid === undefined ? undefined : { type: later, pid };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
