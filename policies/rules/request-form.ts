import { formProblems } from "../form/form-problems.ts";
import { touchedFields } from "../model/statistic.ts";
import type { Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** Where the policy wants a form, it is complete and fits what this asset declares; the answer names everything that is missing. */
export const requestForm: Rule = {
  id: "request-form",
  evaluate({ terms, request, asset, touched }) {
    if (terms.form === "none") return permit("form-not-asked");
    const missing = formProblems(request.form ?? {}, {
      elements: [...new Set(touchedFields(request, asset).map(({ element }) => element))],
      recipients: request.recipients,
      territory: request.territory,
      isPersonal: touched.personal.length > 0,
      isImportant: touched.grade.legal !== "general",
    });
    return missing.length === 0
      ? permit("form-complete")
      : refuse("form-incomplete", { missing: missing.map(({ field }) => field) });
  },
};
