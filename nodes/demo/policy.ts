/** The policy each demonstration provider sets: aggregates for one purpose, through the statistics bureau only. */
import { FUNCTIONS, PROFILE } from "../../policies/model/operands.ts";
import type { Policy } from "../../policies/model/policy.ts";
import type { Provider, Scenario } from "./scenario.ts";

export function policyFor(scenario: Scenario, provider: Provider, now: Date): Policy {
  const { asset } = provider.registration;
  const numbers = asset.fields.filter(({ type }) => type === "decimal" || type === "integer");
  const codes = asset.fields.filter(({ type }) => type === "code");
  const until = new Date(Date.UTC(now.getUTCFullYear() + 1, 11, 31, 23, 59, 59));
  return {
    "@type": "Offer",
    "@id": `${asset.id}:policy`,
    profile: PROFILE,
    "sealane:version": 1,
    target: asset.id,
    assigner: provider.id,
    permission: [
      {
        action: "use",
        constraint: [
          { leftOperand: "purpose", operator: "isAnyOf", rightOperand: [scenario.purpose.code] },
          { leftOperand: "sealane:requesterKind", operator: "isAnyOf", rightOperand: ["government"] },
          { leftOperand: "spatial", operator: "isAnyOf", rightOperand: [scenario.territory] },
          { leftOperand: "dateTime", operator: "lteq", rightOperand: until.toISOString() },
          { leftOperand: "sealane:counts", operator: "eq", rightOperand: "open" },
          {
            leftOperand: "sealane:minimumOrganisations",
            operator: "gteq",
            rightOperand: String(scenario.minimumOrganisations),
          },
          { leftOperand: "sealane:colluders", operator: "gteq", rightOperand: String(scenario.colluders) },
          { leftOperand: "sealane:receiverMode", operator: "isAnyOf", rightOperand: ["reviewed"] },
          { leftOperand: "sealane:releaseAuthority", operator: "isAnyOf", rightOperand: [scenario.receiver.id] },
          { leftOperand: "sealane:coordinatorMayBeSequencer", operator: "eq", rightOperand: "true" },
          ...(scenario.reviewers === undefined
            ? []
            : [
                {
                  leftOperand: "sealane:reviewers",
                  operator: "gteq",
                  rightOperand: String(scenario.reviewers.length),
                },
              ]),
          ...(scenario.dominance === undefined
            ? []
            : [
                { leftOperand: "sealane:dominance", operator: "isAnyOf", rightOperand: scenario.dominance },
                {
                  leftOperand: "sealane:exactMomentsTrusted",
                  operator: "isAnyOf",
                  rightOperand: [scenario.receiver.id],
                },
              ]),
        ],
      },
      {
        action: "aggregate",
        constraint: [
          { leftOperand: "sealane:element", operator: "isAnyOf", rightOperand: numbers.map(({ element }) => element) },
          { leftOperand: "sealane:function", operator: "isAnyOf", rightOperand: [...FUNCTIONS] },
        ],
      },
      {
        action: "sealane:groupBy",
        constraint: [
          { leftOperand: "sealane:element", operator: "isAnyOf", rightOperand: codes.map(({ element }) => element) },
          { leftOperand: "sealane:attribute", operator: "isAnyOf", rightOperand: Object.keys(scenario.attributes) },
        ],
      },
      ...(scenario.weights === undefined
        ? []
        : [
            {
              action: "sealane:weigh",
              constraint: [{ leftOperand: "sealane:weights", operator: "isAnyOf", rightOperand: scenario.weights }],
            },
          ]),
      { action: "sealane:countUnits" },
    ],
    prohibition: [
      ...(scenario.tradeSecrets === undefined
        ? []
        : [
            {
              action: "use",
              constraint: [
                { leftOperand: "sealane:element", operator: "isAnyOf", rightOperand: scenario.tradeSecrets },
              ],
            },
          ]),
      { action: "distribute" },
      { action: "sealane:reidentify" },
    ],
  };
}
