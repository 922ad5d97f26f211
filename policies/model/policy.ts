/**
 * A policy: an ODRL Offer in the Sealane profile (terms in operands.ts, meaning of each in docs/policies.md).
 * Exactly one permission has the action `use` and carries the general terms; further permissions open single fields.
 */
import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { type Static, type TSchema, Type } from "typebox";
import {
  DUTY_OPERANDS,
  FIELD_OPERANDS,
  type Operand,
  POLICY_ID,
  POLICY_TARGET,
  PROFILE,
  PROHIBITION_OPERANDS,
  USE_OPERANDS,
} from "./operands.ts";
import { closed, MemberId } from "./vocabulary.ts";

/** DSP 2025-1 atomic constraint: the loose shape; parsePolicy and policyJsonSchema hold the tables of operands.ts. */
export const Constraint = closed({
  leftOperand: Type.String(),
  operator: Type.String(),
  rightOperand: Type.Unknown(),
});
export const Duty = closed({
  action: Type.String(),
  constraint: Type.Optional(Type.Array(Constraint, { minItems: 1, maxItems: 32 })),
});
export const Permission = closed({
  action: Type.String(),
  constraint: Type.Optional(Type.Array(Constraint, { minItems: 1, maxItems: 32 })),
  duty: Type.Optional(Type.Array(Duty, { minItems: 1, maxItems: 8 })),
});
export const Prohibition = closed({
  action: Type.String(),
  constraint: Type.Optional(Type.Array(Constraint, { minItems: 1, maxItems: 32 })),
});

export const Policy = closed({
  "@type": Type.Literal("Offer"),
  "@id": POLICY_ID,
  profile: Type.Literal(PROFILE),
  "sealane:version": Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  /** The asset. */
  target: POLICY_TARGET,
  /** The provider. */
  assigner: MemberId,
  permission: Type.Array(Permission, { minItems: 1, maxItems: 600 }),
  prohibition: Type.Optional(Type.Array(Prohibition, { minItems: 1, maxItems: 32 })),
});

export type Constraint = Static<typeof Constraint>;
export type Duty = Static<typeof Duty>;
export type Permission = Static<typeof Permission>;
export type Prohibition = Static<typeof Prohibition>;
export type Policy = Static<typeof Policy>;

/** SHA-256 over the RFC 8785 text, base64url: the `policyDigest` of the ledger. */
export function policyDigest(policy: Policy): string {
  const text = canonicalize(policy);
  if (text === undefined) throw new TypeError("policy: has no JSON form");
  return createHash("sha256").update(text).digest("base64url");
}

const constraintsOf = (operands: Readonly<Record<string, Operand>>): TSchema[] =>
  Object.entries(operands).flatMap(([leftOperand, operand]) =>
    Object.entries(operand.operators).map(([operator, rightOperand]) =>
      closed({ leftOperand: Type.Literal(leftOperand), operator: Type.Literal(operator), rightOperand }),
    ),
  );

const ruleOf = (action: string, operands: Readonly<Record<string, Operand>>, extra: Record<string, TSchema> = {}) => {
  const constraints = constraintsOf(operands);
  const mustConstrain = Object.values(operands).some((operand) => operand.required !== undefined);
  const list = Type.Array(Type.Union(constraints), { minItems: 1, maxItems: 32 });
  return closed({
    action: Type.Literal(action),
    ...(constraints.length === 0 ? {} : { constraint: mustConstrain ? list : Type.Optional(list) }),
    ...extra,
  });
};

const duties = Object.entries(DUTY_OPERANDS).map(([action, operands]) => ruleOf(action, operands));

/** The profile as JSON Schema, for editors and other implementations. Terms that may occur once are only in parsePolicy. */
export const policyJsonSchema = closed({
  ...Policy.properties,
  permission: Type.Array(
    Type.Union([
      ruleOf("use", USE_OPERANDS, {
        duty: Type.Optional(Type.Array(Type.Union(duties), { minItems: 1, maxItems: 8 })),
      }),
      ...Object.entries(FIELD_OPERANDS).map(([action, operands]) => ruleOf(action, operands)),
    ]),
    { minItems: 1, maxItems: 600 },
  ),
  prohibition: Type.Optional(
    Type.Array(Type.Union(Object.entries(PROHIBITION_OPERANDS).map(([action, operands]) => ruleOf(action, operands))), {
      minItems: 1,
      maxItems: 32,
    }),
  ),
});
