/**
 * The data request as a term of an offer: one more constraint on its `use` permission, which names the request, the
 * address of the signed document and the digest that the ledger has of it. Offer and agreement are otherwise the
 * provider's own policy (decision 402).
 */
import { isDeepStrictEqual } from "node:util";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import type { Policy } from "../../policies/model/policy.ts";
import { Bytes32, closed, Uuid } from "../../policies/model/vocabulary.ts";
import { offerOf } from "./agreement.ts";
import type { MessageOffer } from "./messages.ts";

const OPERAND = "sealane:dataRequest";

/** What the constraint says. */
export const DataRequestReference = closed({
  /** Address of the document; a URN where the requester has none, and sends the document along. */
  "@id": Type.String({ minLength: 1, maxLength: 2048 }),
  request: Uuid,
  /** Salted digest of the signed request, as `request.submit` put it on the ledger. */
  digest: Bytes32,
});
export type DataRequestReference = Static<typeof DataRequestReference>;
const references = Compile(DataRequestReference);

type Rule = NonNullable<MessageOffer["permission"]>[number];
type Constraint = NonNullable<Rule["constraint"]>[number];

const isOurs = (constraint: Constraint): boolean => "leftOperand" in constraint && constraint.leftOperand === OPERAND;

/** The offer for this one request. */
export const withDataRequest = (offer: MessageOffer, reference: DataRequestReference): MessageOffer => ({
  ...offer,
  permission: (offer.permission ?? []).map((rule) =>
    rule.action === "use"
      ? {
          ...rule,
          constraint: [...(rule.constraint ?? []), { leftOperand: OPERAND, operator: "eq", rightOperand: reference }],
        }
      : rule,
  ),
});

/** The offer as its provider publishes it. */
export const withoutDataRequest = (offer: MessageOffer): MessageOffer => ({
  ...offer,
  permission: (offer.permission ?? []).map(({ constraint, ...rule }) => {
    const others = (constraint ?? []).filter((one) => !isOurs(one));
    return others.length === 0 ? rule : { ...rule, constraint: others };
  }),
});

/** What the requester proposes where it does not know the provider's offer: the provider answers with its own. */
export const openOffer = (asset: string, reference: DataRequestReference): MessageOffer =>
  withDataRequest(
    { "@id": `urn:sealane:offer:${asset}`, "@type": "Offer", target: asset, permission: [{ action: "use" }] },
    reference,
  );

/** Undefined unless the offer names exactly one request, in the one way to name it. */
export function dataRequestOf(offer: MessageOffer): DataRequestReference | undefined {
  const all = (offer.permission ?? []).flatMap(({ action, constraint = [] }) =>
    constraint.filter(isOurs).map((one) => ({ action, ...(one as { operator: string; rightOperand: unknown }) })),
  );
  const [only] = all;
  const isOne = all.length === 1 && only?.action === "use" && only.operator === "eq";
  return isOne && references.Check(only.rightOperand) ? only.rightOperand : undefined;
}

/** Is it the policy's own offer for this request, to the letter? */
export const isOfferFor = (offer: MessageOffer, policy: Policy, reference: DataRequestReference): boolean =>
  isDeepStrictEqual(offer, withDataRequest(offerOf(policy), reference));
