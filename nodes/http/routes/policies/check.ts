import { Type } from "typebox";
import { closed } from "../../../../chaincode/rules/vocabulary.ts";
import { parsePolicy } from "../../../../policies/model/parse-policy.ts";
import { policyDigest } from "../../../../policies/model/policy.ts";
import type { HttpApp } from "../../http-app.ts";
import { FieldError, spoken } from "../../problem.ts";
import { problems } from "../../schemas.ts";

/** Judges a policy without setting it. */
export function checkPolicy(app: HttpApp): void {
  app.post(
    "/api/v1/policies/check",
    {
      schema: {
        summary: "Every problem of a policy document at once; changes nothing",
        body: closed({ policy: Type.Unknown() }),
        response: {
          200: closed({ ok: Type.Boolean(), problems: Type.Array(FieldError), digest: Type.Optional(Type.String()) }),
          ...problems,
        },
      },
      config: { readOnlySafe: true },
    },
    async (request) => {
      const parsed = parsePolicy(request.body.policy);
      if (parsed.ok) return { ok: true, problems: [], digest: policyDigest(parsed.policy) };
      return { ok: false, problems: parsed.problems.map(spoken) };
    },
  );
}
