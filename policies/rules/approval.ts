import type { Asset } from "../model/asset.ts";
import type { GeneralCase, Rule } from "../model/verdict.ts";
import { permit, refuse, wait } from "./finding.ts";

/** Core and important data, and level L4: computed over after a person has agreed, and never released as records. */
export const isGraded = ({ legal, level }: Asset["grade"]): boolean => legal !== "general" || level === "L4";

/** A person decides where the policy says so, and always on core or important data and on level L4. */
export const approval: Rule<GeneralCase> = {
  id: "approval",
  evaluate({ terms, asset, context }) {
    const { legal, level } = asset.grade;
    const graded = isGraded(asset.grade);
    const given = context.approval;
    const compared = { policy: terms.approval, legal, level, given: given?.outcome ?? null, by: given?.by ?? null };
    if (given?.outcome === "refused") return refuse("approval-refused", compared);
    if (terms.approval === "none" && !graded) return permit("approval-not-needed", compared);
    if (given?.outcome === "approved") return permit("approval-given", compared);
    return wait(terms.approval === "steward" ? "approval-pending" : "grade-needs-approval", compared);
  },
};
