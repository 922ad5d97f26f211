/** The full explanation of a decision: the document whose salted digest a `decision.record` carries. */
import type { Decision } from "../model/verdict.ts";

/** Plain JSON: every rule, what it compared, and the policy version it read. */
export interface Explanation {
  readonly format: "sealane/explanation/v1";
  readonly request: string;
  readonly asset: string;
  readonly decidedAt: string;
  readonly policy: { readonly id: string; readonly version: number; readonly digest: string } | null;
  readonly outcome: Decision["outcome"];
  readonly reasons: readonly string[];
  readonly verdicts: Decision["verdicts"];
  readonly requirements: Decision["requirements"];
}

export const explain = (
  decision: Decision,
  about: { readonly request: string; readonly asset: string; readonly decidedAt: string },
): Explanation => ({
  format: "sealane/explanation/v1",
  request: about.request,
  asset: about.asset,
  decidedAt: about.decidedAt,
  policy: decision.policy ?? null,
  outcome: decision.outcome,
  reasons: decision.reasons,
  verdicts: decision.verdicts,
  requirements: decision.requirements,
});
