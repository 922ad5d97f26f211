import type { Rule } from "../model/verdict.ts";
import { permit, refuse } from "./finding.ts";

/** One more mask, or a homomorphic scheme: a policy that names methods requires them and forbids the others. */
export const method: Rule = {
  id: "method",
  evaluate({ terms, request }) {
    const got = request.method ?? "mask";
    return terms.methods.includes(got)
      ? permit("method-allowed", { got })
      : refuse("method-not-allowed", { allowed: terms.methods, got });
  },
};
