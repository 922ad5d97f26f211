/**
 * What a client says to the chaincode and gets back. `submit` takes SubmitCall and then, each as an argument of its own,
 * the canonical texts of signed transactions; its payload is the JSON list of SubmitOutcome in the same order. `about`
 * and `get` are for evaluation.
 */
import type { ContractErrorCode } from "../rules/errors.ts";

export const FUNCTIONS = Object.freeze({ submit: "submit", about: "about", get: "get" });

export interface SubmitCall {
  /** The member whose Fabric certificate signs the proposal; it need not be the author of the transactions. */
  readonly member: string;
  /** Digest of the rules the caller goes by: other rules refuse the call. */
  readonly code: string;
}

/**
 * `ok` without `repeats`: the contract wrote it. Peers do not know positions, so `repeats` says only that the id is on
 * the ledger already. A refusal has no words: endorsements would differ where only they do; the submitter's own replica
 * has them.
 */
export type SubmitOutcome =
  | { readonly ok: true; readonly repeats?: true }
  | { readonly ok: false; readonly code: ContractErrorCode; readonly field?: string };

/** Of one call: a peer executes them one after the other, and one proposal must stay below the limits of gRPC. */
export const MAX_SUBMISSIONS = 1_000;

/** How far the clock of a submitter may be from an endorser's. */
export const MAX_SKEW_MS = 60_000;

/**
 * Digest of the rules that the latest call went by, beside the contract's own state. Every call reads it, so what was endorsed under
 * other rules is found invalid from the first call under new ones on. A call of no records only writes it.
 */
export const RULES_KEY = "rules";

/** Position in what peers write: the order of records is not known when a peer executes them. */
export const NO_POSITION = 0;

/** Why a whole call is refused; the code begins the message of the chaincode's response. */
export const CALL_ERRORS = [
  "ERR_FABRIC_ARGUMENTS",
  "ERR_FABRIC_CODE",
  "ERR_FABRIC_CALLER",
  "ERR_FABRIC_CLOCK",
] as const;
export type CallErrorCode = (typeof CALL_ERRORS)[number];

export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: CallErrorCode;

  constructor(code: CallErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
