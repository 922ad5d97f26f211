/** How rules answer. */
import type { Reason } from "../model/reasons.ts";
import type { Compared, Finding } from "../model/verdict.ts";

export const permit = (reason: Reason, compared: Compared = {}): Finding => ({ verdict: "permit", reason, compared });
export const refuse = (reason: Reason, compared: Compared): Finding => ({ verdict: "refuse", reason, compared });
export const wait = (reason: Reason, compared: Compared): Finding => ({ verdict: "wait", reason, compared });

/** The refusals, or one permit where there are none. */
export const unless = (refusals: readonly Finding[], reason: Reason, compared: Compared = {}): readonly Finding[] =>
  refusals.length > 0 ? refusals : [permit(reason, compared)];
