import type { DataRequest } from "../model/request.ts";
import type { PolicyTerms } from "../model/terms.ts";
import type { Finding, Rule } from "../model/verdict.ts";
import { refuse, unless } from "./finding.ts";

const CLOCK_SKEW_MS = 5 * 60_000;

/** Last millisecond of the request's last day. Periods of requests are dates in Asia/Shanghai, which has no summer time. */
export const requestEndsAt = (request: DataRequest): number => Date.parse(`${request.validity.to}T23:59:59.999+08:00`);

/** The policy is in its time. */
export function policyValidity(terms: PolicyTerms, at: string): Finding[] {
  const refusals: Finding[] = [];
  const now = Date.parse(at);
  if (terms.validFrom !== undefined && !(now >= Date.parse(terms.validFrom))) {
    refusals.push(refuse("policy-not-yet-valid", { from: terms.validFrom, now: at }));
  }
  if (!(now <= Date.parse(terms.validUntil)))
    refusals.push(refuse("policy-expired", { until: terms.validUntil, now: at }));
  return refusals;
}

/** Every comparison is written so that an instant that does not exist refuses. */
export const validity: Rule = {
  id: "validity",
  evaluate({ terms, request, context }) {
    const refusals = policyValidity(terms, context.now);
    const now = Date.parse(context.now);
    if (!(now <= requestEndsAt(request))) {
      refusals.push(refuse("request-expired", { until: request.validity.to, now: context.now }));
    }
    if (!(Date.parse(request.validity.from) <= Date.parse(request.validity.to))) {
      refusals.push(refuse("request-validity-empty", { from: request.validity.from, until: request.validity.to }));
    }
    if (!(Date.parse(request.createdAt) <= now + CLOCK_SKEW_MS)) {
      refusals.push(refuse("request-from-the-future", { createdAt: request.createdAt, now: context.now }));
    }
    return unless(refusals, "within-validity", { until: terms.validUntil, now: context.now });
  },
};
