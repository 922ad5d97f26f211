import { expect, test } from "vitest";
import { asset, draft } from "../_fixture.ts";
import { parsePolicy } from "./parse-policy.ts";
import { policyOf } from "./policy-of.ts";
import { unmatchedTerms } from "./unmatched-terms.ts";

const unmatched = (change: object) => {
  const parsed = parsePolicy(policyOf({ ...draft, ...change }));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const around = { isMember: (id: string) => id === "bureau", attributes: ["sector"] };
  const found = unmatchedTerms(parsed.terms, asset, around);
  return found.map(({ field, code, parameters }) => `${field} ${code} ${Object.values(parameters ?? {})[0]}`);
};
const fits = { releaseAuthorities: ["bureau"], requesters: ["bureau"] };

test("a policy whose every name is known is remarked on in nothing", () => {
  expect(unmatched(fits)).toEqual([]);
});

test("elements, codes, attributes and members that nobody has are told, each with its term", () => {
  const change = {
    aggregate: { investmnt: ["sum"] },
    classes: {},
    groupBy: { elements: ["year"], attributes: ["sectr"] },
    releaseAuthorities: ["bureu"],
    receiverModes: ["reviewed"],
    privacy: { epsilon: "1", budget: "5", clips: [{ element: "capitl", minimum: "0", maximum: "9" }] },
    filter: { year: { predicates: ["eq"], values: ["1800"] } },
  };
  expect(unmatched({ ...fits, ...change })).toEqual([
    "sealane:element policy-element-unknown investmnt",
    "sealane:privacy policy-element-unknown capitl",
    "sealane:value policy-code-unknown 1800",
    "sealane:attribute policy-attribute-unknown sectr",
    "sealane:releaseAuthority policy-member-unknown bureu",
  ]);
});
