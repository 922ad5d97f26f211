/** Names in a policy that nothing answers to: no error, as they may come to be, but mostly a slip of the pen. */
import { type Asset, leafCodes } from "./asset.ts";
import type { Problem, ProblemParameters } from "./problem.ts";
import { fieldOf } from "./statistic.ts";
import type { PolicyTerms } from "./terms.ts";

export const UNMATCHED_PROBLEM_CODES = [
  "policy-element-unknown",
  "policy-code-unknown",
  "policy-attribute-unknown",
  "policy-member-unknown",
] as const;
export type UnmatchedTerm = Problem<(typeof UNMATCHED_PROBLEM_CODES)[number]>;

export interface Surroundings {
  readonly isMember: (id: string) => boolean;
  /** Of the register. */
  readonly attributes: readonly string[];
}

/** More names than this are not listed to someone who wrote a wrong one. */
const SHOWN = 20;
const listed = (names: readonly string[]): string =>
  names.length === 0 ? "–" : `${names.slice(0, SHOWN).join(", ")}${names.length > SHOWN ? ", …" : ""}`;

/** Members that the policy names, by the term that names them. */
export const namedMembers = (terms: PolicyTerms): Readonly<Record<string, readonly string[]>> => ({
  "sealane:requester": [...(terms.requesters ?? []), ...terms.prohibited.requesters],
  recipient: [...terms.recipients, ...terms.prohibited.recipients],
  "sealane:releaseAuthority": terms.releaseAuthorities,
});

/** `field` is the term that has the name. */
export function unmatchedTerms(terms: PolicyTerms, asset: Asset, around: Surroundings): readonly UnmatchedTerm[] {
  const found: UnmatchedTerm[] = [];
  const add = (field: string, code: UnmatchedTerm["code"], parameters: ProblemParameters) =>
    void found.push({ field, code, parameters });
  const known = listed(asset.fields.map(({ element }) => element));
  for (const [field, names] of Object.entries(namedElements(terms))) {
    for (const element of new Set(names)) {
      if (asset.fields.every((one) => one.element !== element))
        add(field, "policy-element-unknown", { element, known });
    }
  }
  for (const [element, { filter }] of Object.entries(terms.elements)) {
    const table = asset.codeTables[fieldOf(asset, element)?.codeTable ?? ""];
    if (table === undefined) continue;
    const codes = leafCodes(table);
    for (const value of filter?.values ?? []) {
      if (codes.includes(value)) continue;
      add("sealane:value", "policy-code-unknown", { value, element, known: listed(codes) });
    }
  }
  for (const attribute of terms.attributes) {
    if (around.attributes.includes(attribute)) continue;
    add("sealane:attribute", "policy-attribute-unknown", { attribute, known: listed(around.attributes) });
  }
  for (const [field, members] of Object.entries(namedMembers(terms))) {
    for (const member of new Set(members)) {
      if (!around.isMember(member)) add(field, "policy-member-unknown", { member });
    }
  }
  return found;
}

const namedElements = ({ elements, release, output, privacy, prohibited, weights }: PolicyTerms) => ({
  "sealane:element": [...Object.keys(elements), ...(release?.elements ?? []), ...prohibited.elements],
  "sealane:weights": weights
    .flatMap((terms) => terms.flatMap(({ element, where }) => [element, where?.element ?? []]))
    .flat(),
  "sealane:rounding": (output.rounding ?? []).flatMap(({ element }) => element ?? []),
  "sealane:privacy": (privacy?.clips ?? []).map(({ element }) => element),
});
