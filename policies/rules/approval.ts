import { isGraded } from "../model/grade.ts";
import type { GeneralCase, Rule } from "../model/verdict.ts";
import { permit, refuse, wait } from "./finding.ts";

/** A person decides where the policy says so, and always on core or important data and on level L4. */
export const approval: Rule<GeneralCase> = {
  id: "approval",
  evaluate({ terms, touched, context }) {
    const { legal, level } = touched.grade;
    const graded = isGraded(touched.grade);
    const given = context.approval;
    const compared = { policy: terms.approval, legal, level, given: given?.outcome ?? null, by: given?.by ?? null };
    if (given?.outcome === "refused") return refuse("approval-refused", compared);
    if (terms.approval === "none" && !graded) return permit("approval-not-needed", compared);
    if (given?.outcome === "approved") return permit("approval-given", compared);
    return wait(terms.approval === "steward" ? "approval-pending" : "grade-needs-approval", compared);
  },
};
