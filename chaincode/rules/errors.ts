/** Why the contract rejects a transaction. Codes are stable: people's texts and evidence refer to them. */
export const CONTRACT_ERRORS = [
  /** Not the shape of any transaction, or a field of the wrong form. */
  "ERR_CONTRACT_SCHEMA",
  "ERR_CONTRACT_TOO_LARGE",
  "ERR_CONTRACT_NETWORK",
  /** The same id was used before with another content. */
  "ERR_CONTRACT_ID_REUSED",
  "ERR_CONTRACT_UNKNOWN_MEMBER",
  "ERR_CONTRACT_MEMBER_INACTIVE",
  "ERR_CONTRACT_KEY_UNKNOWN",
  "ERR_CONTRACT_KEY_REPLACED",
  "ERR_CONTRACT_KEY_REVOKED",
  "ERR_CONTRACT_KEY_MISMATCH",
  "ERR_CONTRACT_SIGNATURE",
  /** The author is not the one who may do this. */
  "ERR_CONTRACT_NOT_PERMITTED",
  "ERR_CONTRACT_EXISTS",
  "ERR_CONTRACT_NOT_FOUND",
  /** The record is in a state that does not allow this. */
  "ERR_CONTRACT_STATE",
  "ERR_CONTRACT_ORGANISATION_EXISTS",
  "ERR_CONTRACT_ATTRIBUTE",
  /** Another algorithm suite than the network's. */
  "ERR_CONTRACT_SUITE",
  "ERR_CONTRACT_VERSION",
  "ERR_CONTRACT_POLICY",
  /** Two records that must speak of the same thing do not. */
  "ERR_CONTRACT_MISMATCH",
  "ERR_CONTRACT_DECISION",
  "ERR_CONTRACT_AGREEMENT",
  "ERR_CONTRACT_AGREEMENT_USED_UP",
  "ERR_CONTRACT_INSTANT",
  "ERR_CONTRACT_DEADLINE",
  "ERR_CONTRACT_TOO_EARLY",
  "ERR_CONTRACT_TOO_LATE",
  "ERR_CONTRACT_ROLES",
  "ERR_CONTRACT_HOLDING_GROUP",
  "ERR_CONTRACT_COHORT_ORDER",
  "ERR_CONTRACT_UNIT_DOMAIN",
  "ERR_CONTRACT_CONSTANTS",
  "ERR_CONTRACT_CELLS",
  "ERR_CONTRACT_CELL_MINIMUM",
  "ERR_CONTRACT_RECEIVER_KEY",
  "ERR_CONTRACT_RESTART",
  "ERR_CONTRACT_MEMBER_SET",
  "ERR_CONTRACT_QUORUM",
  "ERR_CONTRACT_HEADER",
  "ERR_CONTRACT_RECEIPT",
  "ERR_CONTRACT_OMITTED",
  /** The result has to be reviewed first, or it is not this that a review may do. */
  "ERR_CONTRACT_REVIEW",
  /** Not a person who may review this result. */
  "ERR_CONTRACT_REVIEWER",
  /** Sums over an asset with a privacy account want noise, and its registration its content. */
  "ERR_CONTRACT_PRIVACY",
  /** What is left of an asset's privacy budget is less than this release costs. */
  "ERR_CONTRACT_PRIVACY_SPENT",
  "ERR_CONTRACT_RANGE",
  "ERR_CONTRACT_AMOUNT",
] as const;

export type ContractErrorCode = (typeof CONTRACT_ERRORS)[number];

/** Thrown by rules before their first put; `execute` turns it into the answer. `field` is a path into the body. */
export class ContractError extends Error {
  override readonly name = "ContractError";
  readonly code: ContractErrorCode;
  readonly field: string | undefined;

  constructor(code: ContractErrorCode, message: string, field?: string) {
    super(message);
    this.code = code;
    this.field = field;
  }
}

/** Throws the ContractError unless `condition` holds. */
export function demand(
  condition: boolean,
  code: ContractErrorCode,
  message: string,
  field?: string,
): asserts condition {
  if (!condition) throw new ContractError(code, message, field);
}

/** The value, or ERR_CONTRACT_NOT_FOUND. */
export function found<T>(value: T | undefined, what: string, field: string): T {
  if (value === undefined) throw new ContractError("ERR_CONTRACT_NOT_FOUND", `${field}: no such ${what}`, field);
  return value;
}
