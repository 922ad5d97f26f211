/**
 * What a consumer declares when it asks for records: a term that it adds to the provider's own offer. Whoever takes an
 * offer as it stands declares what the offer leaves no choice about.
 */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { SCENARIOS } from "../../policies/model/request.ts";
import type { PolicyTerms } from "../../policies/model/terms.ts";
import { DEFAULTS } from "../../policies/model/terms.ts";
import type { Declared } from "../../policies/model/verdict.ts";
import { Code, closed, literals } from "../../policies/model/vocabulary.ts";
import { offerOf } from "../negotiation/agreement.ts";
import type { MessageOffer } from "../negotiation/messages.ts";

export const DECLARATION_TERM = "sealane:declared";
/** An offer with this term is about a computation. */
export const DATA_REQUEST_TERM = "sealane:dataRequest";

export const Declaration = closed({
  purpose: Code,
  legalBasis: Type.Optional(Code),
  scenario: Type.Optional(literals(SCENARIOS)),
  territory: Code,
  retentionDays: Type.Integer({ minimum: 1, maximum: 36_500 }),
});
export type Declaration = Static<typeof Declaration>;
const isDeclaration = Compile(Declaration);

type Rules = NonNullable<MessageOffer["permission"]>;
type Constraints = NonNullable<Rules[number]["constraint"]>;

/** What rules read: an absent basis or scenario is one that no policy lists. */
export const declaredBy = (requester: string, declaration: Declaration): Declared => ({
  requester,
  purpose: { code: declaration.purpose },
  legalBasis: { code: declaration.legalBasis ?? "none" },
  scenario: declaration.scenario ?? ("none" as Declared["scenario"]),
  territory: declaration.territory,
  retentionDays: declaration.retentionDays,
});

/** Undefined where the terms leave a choice that nobody has made. `given` counts before what follows from the terms. */
export function completed(terms: PolicyTerms, given: Partial<Declaration>): Declaration | undefined {
  const only = <T>(values: readonly T[] | undefined): T | undefined => (values?.length === 1 ? values[0] : undefined);
  const purpose = given.purpose ?? only(terms.purposes);
  const territory = given.territory ?? only(terms.territories);
  const legalBasis = given.legalBasis ?? only(terms.legalBases);
  const scenario = given.scenario ?? (only(terms.scenarios) as Declaration["scenario"]);
  if (purpose === undefined || territory === undefined) return undefined;
  return {
    purpose,
    ...(legalBasis === undefined ? {} : { legalBasis }),
    ...(scenario === undefined ? {} : { scenario }),
    territory,
    retentionDays: given.retentionDays ?? Math.min(terms.retentionDays, DEFAULTS.retentionDays),
  };
}

/** The provider's offer with this declaration in it. */
export function declaringOffer(policy: Policy, declaration: Declaration): MessageOffer {
  const offer = offerOf(policy);
  const permission = (offer.permission ?? []).map((rule) =>
    rule.action === "use"
      ? {
          ...rule,
          constraint: [
            ...(rule.constraint ?? []),
            { leftOperand: DECLARATION_TERM, operator: "eq" as const, rightOperand: { ...declaration } },
          ],
        }
      : rule,
  );
  return { ...offer, permission } as MessageOffer;
}

export type ReadOffer =
  | { readonly kind: "records"; readonly declaration: Declaration | undefined }
  | { readonly kind: "computation" }
  /** Not an offer of this policy. */
  | { readonly kind: "other"; readonly detail: string };

const termOf = (one: Constraints[number]): string | undefined =>
  "leftOperand" in one && typeof one.leftOperand === "string" ? one.leftOperand : undefined;

/** Is it about a computation, whatever its policy? */
export const isAboutComputation = (offer: MessageOffer): boolean =>
  (offer.permission ?? []).some((rule) => rule.constraint?.some((one) => termOf(one) === DATA_REQUEST_TERM) === true);

/** An offer without the declarations in it. */
function split(offer: MessageOffer): { readonly plain: MessageOffer; readonly added: readonly unknown[] } {
  const added: unknown[] = [];
  const permission = (offer.permission ?? []).map((rule) => {
    if (rule.action !== "use" || rule.constraint === undefined) return rule;
    const constraint = rule.constraint.filter((one) => {
      if (termOf(one) !== DECLARATION_TERM) return true;
      added.push((one as { rightOperand?: unknown }).rightOperand);
      return false;
    });
    return { ...rule, constraint };
  });
  return { plain: { ...offer, permission } as MessageOffer, added };
}

/** The policy and the declaration that an own offer was made of. */
export function offeredPolicy(offer: MessageOffer): {
  readonly policy: unknown;
  readonly declaration: Declaration | undefined;
} {
  const { plain, added } = split(offer);
  const [declaration] = added;
  return { policy: plain, declaration: isDeclaration.Check(declaration) ? declaration : undefined };
}

/** An offer of another party against the policy in force: the same rules to the letter, a declaration apart. */
export function readOffer(offer: MessageOffer, policy: Policy): ReadOffer {
  if (isAboutComputation(offer)) return { kind: "computation" };
  const { plain, added } = split(offer);
  const wanted = offerOf(policy);
  if (offer["@id"] !== wanted["@id"] || offer.target !== wanted.target) {
    return { kind: "other", detail: `offer: wanted ${wanted["@id"]} on ${wanted.target}` };
  }
  // What an offer holds is kept for as long as its negotiation: nothing rides along.
  const extra = Object.keys(offer).find((name) => !(name in wanted));
  if (extra !== undefined) return { kind: "other", detail: `offer.${extra.slice(0, 100)}: not a part of the offer` };
  if (canonicalJson(rulesOf(plain)) !== canonicalJson(rulesOf(wanted))) {
    return { kind: "other", detail: "offer: its rules are not those of the policy in force" };
  }
  const [declaration] = added;
  if (added.length === 0) return { kind: "records", declaration: undefined };
  if (added.length > 1 || !isDeclaration.Check(declaration)) {
    return { kind: "other", detail: `${DECLARATION_TERM}: wanted one, with purpose, territory and retentionDays` };
  }
  return { kind: "records", declaration };
}

const rulesOf = ({ permission, prohibition, obligation }: MessageOffer) => ({
  permission: permission ?? null,
  prohibition: prohibition ?? null,
  obligation: obligation ?? null,
});
