/** From the findings of rules to one outcome: the strictest wins, and a rule that fails or says nothing refuses. */
import type { Finding, Outcome, Verdict } from "../model/verdict.ts";

const MAX_REASONS = 64;
const DECISIVE: readonly Outcome[] = ["refuse", "wait", "permit"];

export function findingsOf(evaluate: () => Finding | readonly Finding[]): readonly Finding[] {
  try {
    const found = evaluate();
    const findings: readonly Finding[] = "verdict" in found ? [found] : found;
    if (findings.length > 0) return findings;
    return [{ verdict: "refuse", reason: "rule-silent", compared: {} }];
  } catch (error) {
    const compared = { error: error instanceof Error ? error.name : "unknown" };
    return [{ verdict: "refuse", reason: "rule-failed", compared }];
  }
}

export function decisionOf(verdicts: readonly Verdict[]) {
  const outcome = DECISIVE.find((candidate) => verdicts.some(({ verdict }) => verdict === candidate)) ?? "refuse";
  const deciding = verdicts.filter(({ verdict }) => verdict === outcome).map(({ reason }) => reason);
  const reasons: readonly string[] =
    outcome === "permit" ? ["all-rules-permit"] : [...new Set(deciding)].slice(0, MAX_REASONS);
  return Object.freeze({ outcome, reasons, verdicts });
}
