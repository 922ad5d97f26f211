import fc from "fast-check";
import { expect, test } from "vitest";
import { asset, context, draft, request } from "../_fixture.ts";
import { decide } from "../engine/decide.ts";
import { audienceOf, isVisibleTo } from "./audience.ts";
import { REQUESTER_KINDS } from "./operands.ts";
import { parsePolicy } from "./parse-policy.ts";
import { policyOf } from "./policy-of.ts";

const WHO = ["statistics", "bureau", "other"];
const some = fc.subarray([...WHO], { minLength: 1 });
const named = (leftOperand: string, members: readonly string[]) => ({
  action: "use",
  constraint: [{ leftOperand, operator: "isAnyOf", rightOperand: members }],
});
const RULES_ABOUT_WHO = ["requester", "recipients", "validity"];

test("a policy is hidden exactly from whom it refuses for who asks, or for when", () => {
  fc.assert(
    fc.property(
      fc.record({
        kinds: fc.subarray([...REQUESTER_KINDS], { minLength: 1 }),
        requesters: fc.option(some, { nil: undefined }),
        prohibited: fc.option(some, { nil: undefined }),
        recipients: fc.option(some, { nil: undefined }),
        clearances: fc.option(fc.subarray(["internal", "secret"], { minLength: 1 }), { nil: undefined }),
        label: fc.option(fc.constantFrom("internal", "public"), { nil: undefined }),
        id: fc.constantFrom(...WHO),
        kind: fc.constantFrom(...REQUESTER_KINDS),
        now: fc.constantFrom("2025-12-31T23:59:59Z", "2026-06-01T00:00:00Z", "2028-01-01T00:00:00Z"),
      }),
      ({ kinds, requesters, prohibited, recipients, clearances, label, id, kind, now }) => {
        const attributes: Record<string, string> = label === undefined ? {} : { clearance: label };
        const prohibition = [
          ...(prohibited === undefined ? [] : [named("sealane:requester", prohibited)]),
          ...(recipients === undefined ? [] : [named("recipient", recipients)]),
        ];
        const policy = policyOf({
          ...draft,
          requesterKinds: kinds,
          ...(requesters === undefined ? {} : { requesters }),
          ...(clearances === undefined ? {} : { clearances }),
          ...(prohibition.length === 0 ? {} : { prohibition }),
        });
        const parsed = parsePolicy(policy);
        if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
        const asked = { ...request, requester: id, receiver: id, recipients: [] };
        const asks = { ...context, now, requester: { id, kind, holdingGroup: id, attributes } };
        const refused = decide(policy, asked, asset, asks).verdicts.some(
          ({ rule, verdict, reason }) =>
            RULES_ABOUT_WHO.includes(rule) && verdict === "refuse" && !reason.startsWith("request-"),
        );
        expect(isVisibleTo(audienceOf(parsed.terms), { id, kind, attributes }, Date.parse(now))).toBe(!refused);
      },
    ),
    { numRuns: 300 },
  );
});
