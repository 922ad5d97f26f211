/** A receiver that changes its own bundle and signs it anew: what the bundle proves in spite of its author. */
import { digestOf } from "../../crypto/suites/digest.ts";
import { type SigningIdentity, signStatement } from "../../crypto/suites/signed.ts";
import { EvidenceBundle } from "./bundle.ts";
import { EVIDENCE_CHECKS, notApplicable } from "./checks.ts";
import { evidenceOf } from "./evidence.ts";
import { formProblems } from "./form.ts";
import { collectFindings, type Problem } from "./problems.ts";
import type { TrustIndex } from "./trust-index.ts";

/** Inclusion finds most changes and is quick; the order changes nothing about what is found. */
const QUICK_FIRST = ["inclusion", "opened-documents", "request", "release", "checkpoints"] as const;

export interface Refusal {
  readonly check: string;
  readonly problem: Problem;
}

/** The first problem that any check finds, or undefined. With a receiver, its statement is first signed anew. */
export function firstRefusal(
  bundle: EvidenceBundle,
  { trust, receiver }: { readonly trust: TrustIndex; readonly receiver: SigningIdentity | undefined },
): Refusal | undefined {
  const [absent] = formProblems(EvidenceBundle, bundle);
  if (absent !== undefined) return { check: "bundle-format", problem: absent };
  const sealed = receiver === undefined ? bundle : sealAgain(bundle, receiver);
  const evidence = evidenceOf(sealed, trust);
  const skipped = notApplicable(evidence);
  const ids = Object.keys(EVIDENCE_CHECKS) as (keyof typeof EVIDENCE_CHECKS)[];
  const order = [
    ...(receiver === undefined ? (["receiver-statement"] as const) : []),
    ...QUICK_FIRST,
    ...ids.filter((id) => !(QUICK_FIRST as readonly string[]).includes(id)),
  ];
  for (const check of order) {
    if (skipped.has(check)) continue;
    const findings = collectFindings();
    EVIDENCE_CHECKS[check](evidence, findings);
    const [problem] = findings.problems;
    if (problem !== undefined) return { check, problem };
    if (findings.subjects() === 0) return { check, problem: { where: "", code: "count-mismatch", values: {} } };
  }
  return undefined;
}

function sealAgain(bundle: EvidenceBundle, receiver: SigningIdentity): EvidenceBundle {
  const statement = { ...bundle.statement.statement, evidence: digestOf(bundle.body) };
  return { body: bundle.body, statement: signStatement(receiver, "result", statement) };
}
