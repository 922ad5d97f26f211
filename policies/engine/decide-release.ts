/**
 * May records leave? Asked before an agreement, before a transfer and again at each call. All rules are evaluated, the
 * strictest verdict wins, and a policy that says nothing of it refuses.
 */
import type { Asset } from "../model/asset.ts";
import { recordGrade } from "../model/grade.ts";
import type { Verdict } from "../model/verdict.ts";
import { approval } from "../rules/approval.ts";
import { legalBasis } from "../rules/legal-basis.ts";
import { personal } from "../rules/personal.ts";
import { purpose } from "../rules/purpose.ts";
import { type ReleaseCase, release } from "../rules/release.ts";
import { requester } from "../rules/requester.ts";
import { retention } from "../rules/retention.ts";
import { scenario } from "../rules/scenario.ts";
import { territory } from "../rules/territory.ts";
import { decisionOf, findingsOf } from "./judge.ts";

const RELEASE_RULES = Object.freeze([
  requester,
  purpose,
  legalBasis,
  scenario,
  territory,
  retention,
  personal,
  release,
  approval,
]);

export interface ReleaseDecision {
  readonly outcome: "permit" | "refuse" | "wait";
  readonly reasons: readonly string[];
  readonly verdicts: readonly Verdict[];
}

export type ReleaseInput = Omit<ReleaseCase, "asset" | "touched"> & { readonly asset: Pick<Asset, "grade" | "fields"> };

export function decideRelease(given: ReleaseInput): ReleaseDecision {
  const { terms, asset } = given;
  const leaving = asset.fields.filter(({ element }) => terms.release?.elements.includes(element) === true);
  const personalOnes = leaving.filter(
    (one) => one.personal === true && terms.release?.masks[one.element]?.mask !== "redact",
  );
  const touched = { grade: recordGrade(asset, leaving), personal: personalOnes.map(({ element }) => element) };
  const input: ReleaseCase = { ...given, touched };
  return decisionOf(
    RELEASE_RULES.flatMap(({ id, evaluate }) =>
      findingsOf(() => evaluate(input)).map((finding) => ({ rule: id, ...finding })),
    ),
  );
}
