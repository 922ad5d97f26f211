/** What the offline verifier says. A check that did not run never looks like one that passed. */

import type { Problem } from "./problems.ts";

export type { Problem } from "./problems.ts";

/** In the order of a request's life; the report lists all of them, always, in this order. */
export const CHECKS = [
  "trust-format",
  "bundle-encoding",
  "bundle-format",
  "receiver-statement",
  "network",
  "checkpoints",
  "fabric-chain",
  "fabric-validity",
  "inclusion",
  "order",
  "members",
  "transaction-signatures",
  "request",
  "decisions",
  "policy-versions",
  "agreements",
  "opened-documents",
  "cohort",
  "roles",
  "constants",
  "receiver-key",
  "keyset",
  "maskset",
  "close-1",
  "views-1",
  "counts",
  "close-2",
  "views-2",
  "review",
  "privacy",
  "release",
  "result-shape",
  "withheld-cells",
] as const;

/** Of encrypted queries, likewise. */
export const QUERY_CHECKS = [
  "trust-format",
  "bundle-encoding",
  "bundle-format",
  "network",
  "checkpoints",
  "fabric-chain",
  "fabric-validity",
  "inclusion",
  "order",
  "members",
  "transaction-signatures",
  "request",
  "decisions",
  "policy-versions",
  "agreements",
  "answers",
  "answer-limit",
] as const;

/** Of joins, likewise. */
export const JOIN_CHECKS = [
  "trust-format",
  "bundle-encoding",
  "bundle-format",
  "network",
  "checkpoints",
  "fabric-chain",
  "fabric-validity",
  "inclusion",
  "order",
  "members",
  "transaction-signatures",
  "request",
  "decisions",
  "policy-versions",
  "agreements",
  "joins",
  "join-limit",
  "join-figures",
] as const;
export type CheckId = (typeof CHECKS)[number] | (typeof QUERY_CHECKS)[number] | (typeof JOIN_CHECKS)[number];

/** What no bundle of encrypted queries can show, whoever verifies it: said in every report on one. */
export const UNVERIFIABLE = ["asked-coefficients", "answered-cells", "answered-sums"] as const;
/** As UNVERIFIABLE, of joins. */
export const UNVERIFIABLE_JOINS = ["joined-lists", "joined-match", "joined-names"] as const;

export type Check =
  | { readonly id: CheckId; readonly status: "passed"; readonly subjects: number }
  | { readonly id: CheckId; readonly status: "failed"; readonly problems: readonly [Problem, ...Problem[]] }
  | {
      readonly id: CheckId;
      readonly status: "not-run";
      /** `not-applicable`: this mode has no such step. `blocked`: an earlier failure left nothing to check. */
      readonly because: "not-applicable" | "blocked" | "unsupported";
      readonly detail: string;
    };

export interface Report {
  readonly format: "sealane/audit-report/v1";
  /** `verified`: all checks passed or do not apply. `incomplete`: none failed, some could not run. */
  readonly verdict: "verified" | "failed" | "incomplete";
  readonly network?: string;
  readonly request?: string;
  readonly computation?: string;
  /** Digest of the bundle's body. */
  readonly evidence?: string;
  /** On Fabric: digests of the contract's code that the records' calls ran. Whoever has that code can compare and execute it. */
  readonly code?: readonly string[];
  readonly checks: readonly Check[];
  /** What this kind of evidence cannot show. */
  readonly unverifiable?: readonly ((typeof UNVERIFIABLE)[number] | (typeof UNVERIFIABLE_JOINS)[number])[];
}

export function verdictOf(checks: readonly Check[]): Report["verdict"] {
  if (checks.some(({ status }) => status === "failed")) return "failed";
  const open = checks.some((check) => check.status === "not-run" && check.because !== "not-applicable");
  return open ? "incomplete" : "verified";
}
