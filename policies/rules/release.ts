/** Which records may leave: only listed elements, masked as stated; what identifies a unit or person never as it is. */
import type { Asset, Field } from "../model/asset.ts";
import { isGraded } from "../model/grade.ts";
import { hidesIdentity, suits } from "../model/mask.ts";
import type { PolicyTerms } from "../model/terms.ts";
import type { Finding, GeneralCase, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";
import { policyValidity } from "./validity.ts";

export interface ReleaseCase extends GeneralCase {
  readonly asset: Pick<Asset, "fields">;
  /** Undefined while nobody has asked for a way yet. */
  readonly format: string | undefined;
}

/** The columns that leave, in the order of the asset. */
export const releasedFields = (terms: PolicyTerms, asset: Pick<Asset, "fields">): readonly Field[] =>
  asset.fields.filter(
    ({ element, identity }) =>
      (identity !== true || hidesIdentity(terms.release?.masks[element])) &&
      terms.release?.elements.includes(element) === true &&
      !terms.prohibited.elements.includes(element),
  );

export const release: Rule<ReleaseCase> = {
  id: "release",
  evaluate({ terms, request, asset, touched, context, format }) {
    const refusals: Finding[] = policyValidity(terms, context.now);
    const { release: allowed } = terms;
    if (allowed === undefined) return [...refusals, refuse("release-not-allowed", {})];
    if (isGraded(touched.grade)) {
      const { legal, level } = touched.grade;
      refusals.push(refuse("grade-not-released", { legal, level }));
    }
    const listed = asset.fields.filter(({ element }) => allowed.elements.includes(element));
    const identities = listed
      .filter(({ element, identity }) => identity === true && !hidesIdentity(allowed.masks[element]))
      .map(({ element }) => element);
    if (identities.length > 0) refusals.push(refuse("identity-released", { got: identities }));
    const unsuited = listed.filter((field) => {
      const mask = allowed.masks[field.element];
      return mask !== undefined && !suits(mask, field);
    });
    if (unsuited.length > 0) {
      refusals.push(refuse("mask-not-for-type", { got: unsuited.map(({ element }) => element) }));
    }
    const prohibited = listed.map(({ element }) => element).filter((one) => terms.prohibited.elements.includes(one));
    if (prohibited.length > 0) refusals.push(refuse("element-prohibited", { got: prohibited }));
    if (releasedFields(terms, asset).length === 0) refusals.push(refuse("release-empty", { listed: allowed.elements }));
    if (terms.prohibited.recipients.includes(request.requester)) {
      const compared = { prohibited: terms.prohibited.recipients, got: request.requester };
      refusals.push(refuse("recipient-prohibited", compared));
    }
    if (format !== undefined && !allowed.formats.some((one) => one === format)) {
      refusals.push(refuse("release-format-not-allowed", { allowed: allowed.formats, got: format }));
    }
    return unless(refusals, "release-allowed", { elements: allowed.elements });
  },
};
