import { FABRIC_PROBLEM_CODES } from "./fabric-fault.ts";

/** Stable codes of everything the verifiers can find wrong. A person's text for each is in nodes/i18n. */
export const PROBLEM_CODES = [
  // form
  "schema",
  "too-large",
  "too-deep",
  "not-json",
  "not-canonical",
  "verifier-error",
  // trust file
  "origin-mismatch",
  "trust-order",
  "trust-key-id",
  "trust-checkpoint",
  "trust-outdated",
  // receiver's statement
  "digest-mismatch",
  "wrong-signer",
  "key-unknown",
  "key-not-valid-then",
  "key-revoked",
  "signature",
  "names-other",
  // ledger
  "network-mismatch",
  "checkpoint-malformed",
  "checkpoint-signature",
  "checkpoint-quorum",
  "checkpoint-cosignature",
  "checkpoint-conflict",
  "checkpoint-unused",
  "checkpoint-missing",
  "proof-kind",
  "inclusion",
  "position-twice",
  "order",
  "time-order",
  "instant",
  // members
  "member-missing",
  "member-unneeded",
  "member-twice",
  "member-not-pinned",
  "member-key",
  "application",
  // life of the request
  "salted-digest",
  "request-mismatch",
  "not-permit",
  "policy-version",
  "policy-digest",
  "asset-mismatch",
  "agreement-mismatch",
  "agreement-expired",
  // encrypted queries
  "answer-cells",
  "answer-limit",
  // joins
  "join-limit",
  "join-outcome",
  "join-release-missing",
  "join-figures",
  "count-mismatch",
  // opening
  "layout-mismatch",
  "metadata-digest",
  "cohort-order",
  "holding-group",
  "role-separation",
  "constant",
  "deadline-order",
  "receiver-key",
  // rounds
  "member-set",
  "quorum",
  "root",
  "context",
  "duplicate-key",
  "header",
  "closed-early",
  "closing-sum",
  "graph",
  "view",
  "bitmap",
  "cell-minimum",
  "counts",
  // result
  "not-rounded",
  "total-differs",
  "rules-mismatch",
  "shape",
  "withheld-count",
  "withheld-cell",
  "withheld-code",
  "released-cell",
  "review-missing",
  "review-word",
  "review-approvals",
  "privacy-missing",
  "privacy-cost",
  "standard-error",
  // replica
  "position-gap",
  "ledger-entry",
  "rejected",
  "repeated",
  "root-mismatch",
  "size-mismatch",
  // a Fabric network
  ...FABRIC_PROBLEM_CODES,
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

export interface Problem {
  /** JSON pointer (RFC 6901) into the bundle, the trust file or the replica. */
  readonly where: string;
  readonly code: ProblemCode;
  readonly values: Readonly<Record<string, string | number>>;
}

/** Collects what one check looked at and what it found wrong. */
export interface Findings {
  /** One thing was examined. */
  seen(count?: number): void;
  fail(where: string, code: ProblemCode, values?: Problem["values"]): void;
  /** Examines one condition: counts it, and records the problem unless it holds. */
  expect(holds: boolean, where: string, code: ProblemCode, values?: Problem["values"]): boolean;
}

/** Problems beyond this many in one check are counted by nobody: the first ones tell. */
export const MAX_PROBLEMS = 100;

export function collectFindings(): Findings & { readonly problems: readonly Problem[]; subjects(): number } {
  const problems: Problem[] = [];
  let subjects = 0;
  const fail: Findings["fail"] = (where, code, values = {}) => {
    if (problems.length < MAX_PROBLEMS) problems.push({ where, code, values });
  };
  return {
    problems,
    subjects: () => subjects,
    seen: (count = 1) => {
      subjects += count;
    },
    fail,
    expect: (holds, where, code, values) => {
      subjects += 1;
      if (!holds) fail(where, code, values);
      return holds;
    },
  };
}
