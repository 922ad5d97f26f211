/** Bodies of refused calls (DSP 2025-1, "Error Messages" of each protocol). */
import { context } from "./vocabulary.ts";

export const ERROR_TYPES = ["CatalogError", "ContractNegotiationError", "TransferError"] as const;
export type ErrorType = (typeof ERROR_TYPES)[number];

export interface ErrorDocument {
  readonly "@context": string[];
  readonly "@type": ErrorType;
  /** Both or neither. A catalogue has none. */
  readonly providerPid?: string;
  readonly consumerPid?: string;
  readonly code: string;
  readonly reason?: readonly string[];
}

/** `pids` only for a caller who is a party to the process. */
export const errorDocument = (
  type: ErrorType,
  about: { readonly code: string; readonly reasons: readonly string[] },
  pids?: { readonly providerPid: string; readonly consumerPid: string },
): ErrorDocument => ({
  "@context": context(),
  "@type": type,
  ...(pids === undefined ? {} : { providerPid: pids.providerPid, consumerPid: pids.consumerPid }),
  code: about.code,
  ...(about.reasons.length === 0 ? {} : { reason: about.reasons }),
});
