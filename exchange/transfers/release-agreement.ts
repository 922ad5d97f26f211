/** The agreement on records: the policy's own terms, and what the consumer declared. Both sides derive it by themselves. */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { acceptedTerms, parsePolicy } from "../../policies/model/parse-policy.ts";
import type { Policy } from "../../policies/model/policy.ts";
import type { Problem } from "../../policies/model/problem.ts";
import type { PolicyTerms } from "../../policies/model/terms.ts";
import { Agreement } from "../negotiation/messages.ts";
import { Declaration } from "./declaration.ts";

export const ReleaseAgreement = Type.Object({
  ...Agreement.properties,
  "@id": Type.String({ pattern: "^urn:uuid:[0-9a-f-]{36}$" }),
  "sealane:assetVersion": Type.Integer({ minimum: 1 }),
  "sealane:policy": Type.Object({
    id: Type.String({ maxLength: 512 }),
    version: Type.Integer({ minimum: 1 }),
    digest: Type.String({ maxLength: 64 }),
  }),
  "sealane:declared": Declaration,
  /** Last instant of use: that of the policy. */
  "sealane:validUntil": Type.String({ maxLength: 30 }),
});
export type ReleaseAgreement = Static<typeof ReleaseAgreement>;
const check = Compile(ReleaseAgreement);
export const isReleaseAgreement = (value: unknown): value is ReleaseAgreement => check.Check(value);

export interface ReleaseInputs {
  /** Lower-case UUID. */
  readonly id: string;
  readonly policy: Policy;
  readonly assetVersion: number;
  readonly consumer: string;
  readonly declaration: Declaration;
  /** UTC with Z. */
  readonly timestamp: string;
}

/** The terms of a policy that may have come from another party; undefined for what is none. */
export function termsOfPolicy(policy: unknown): PolicyTerms | undefined {
  const known = acceptedTerms(policy);
  if (known !== undefined) return known;
  const parsed = parsePolicy(policy);
  return parsed.ok ? parsed.terms : undefined;
}

/** `policy` has been parsed before: throws TypeError for what is no policy. */
export function releaseAgreementOf(inputs: ReleaseInputs): ReleaseAgreement {
  const { policy } = inputs;
  const terms = termsOfPolicy(policy);
  if (terms === undefined) throw new TypeError("policy: not one that parsePolicy accepts");
  return {
    "@id": `urn:uuid:${inputs.id}`,
    "@type": "Agreement",
    profile: policy.profile,
    target: policy.target,
    assigner: policy.assigner,
    assignee: inputs.consumer,
    timestamp: inputs.timestamp,
    permission: structuredClone(policy.permission) as NonNullable<Agreement["permission"]>,
    ...(policy.prohibition === undefined
      ? {}
      : { prohibition: structuredClone(policy.prohibition) as NonNullable<Agreement["prohibition"]> }),
    "sealane:assetVersion": inputs.assetVersion,
    "sealane:policy": { id: terms.id, version: terms.version, digest: terms.digest },
    "sealane:declared": inputs.declaration,
    "sealane:validUntil": new Date(terms.validUntil).toISOString(),
  };
}

/** What the consumer checks: the agreement is the one that follows from the offer it took. Empty: it is. */
export function releaseProblems(
  agreement: Agreement,
  expected: Omit<ReleaseInputs, "timestamp" | "id">,
): readonly Problem[] {
  const mismatch = (field: string): Problem => ({ field: `/${field}`, code: "agreement-mismatch" });
  if (!isReleaseAgreement(agreement)) return [mismatch("@type")];
  const id = agreement["@id"].slice("urn:uuid:".length);
  const wanted = releaseAgreementOf({ ...expected, id, timestamp: agreement.timestamp });
  const text = (document: object, field: string): string =>
    Object.hasOwn(document, field) ? canonicalJson(document[field as keyof typeof document]) : "";
  return [...new Set([...Object.keys(wanted), ...Object.keys(agreement)])]
    .filter((field) => text(wanted, field) !== text(agreement, field))
    .map(mismatch);
}

/** The policy that an agreement is made of, as it was in force. */
export const policyOfAgreement = (agreement: ReleaseAgreement): unknown => ({
  "@type": "Offer",
  "@id": agreement["sealane:policy"].id,
  profile: agreement.profile,
  "sealane:version": agreement["sealane:policy"].version,
  target: agreement.target,
  assigner: agreement.assigner,
  permission: agreement.permission,
  ...(agreement.prohibition === undefined ? {} : { prohibition: agreement.prohibition }),
});
