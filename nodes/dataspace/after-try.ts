/** What becomes of a message that the other side did not take: the pause before the next try, or none. */
import { type Cause, causeOf } from "../../exchange/protocol/vocabulary.ts";
import { refusedBy } from "./endings.ts";
import type { Delivery, ProcessRecord, ProcessRefusal } from "./process-record.ts";

/** Of a message on its way: pauses between tries, and when to stop. */
export interface Patience {
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  readonly giveUpMs: number;
  /** Tries after an answer that may be final: a member whose replica or clock is behind gives the same one. */
  readonly doubtfulTries: number;
}
export const PATIENCE: Patience = Object.freeze({
  firstPauseMs: 200,
  longestPauseMs: 60_000,
  giveUpMs: 24 * 60 * 60_000,
  doubtfulTries: Number.POSITIVE_INFINITY,
});

/** Between tries of what stands, once `giveUpMs` is over. */
const STANDING_PAUSE_MS = 60 * 60_000;

export type Untaken = Exclude<Delivery, { kind: "taken" }>;
type OnItsWay = NonNullable<ProcessRecord<unknown, unknown>["delivery"]>;

interface Tried {
  readonly delivery: OnItsWay;
  readonly outcome: Untaken;
  readonly patience: Patience;
  /** UTC with Z. */
  readonly now: string;
}

/** `withdrawn`: this side no longer says it; the process goes on. */
export type AfterTry =
  | { readonly kind: "again"; readonly delivery: OnItsWay }
  | { readonly kind: "over"; readonly cause: Cause; readonly refusal: ProcessRefusal }
  | { readonly kind: "withdrawn"; readonly refusal: ProcessRefusal };

/** Whether it matters that there is an end that stands. */
export const mayBeOver = (tried: Tried): boolean => isOverThere(tried) || isOverdue(tried);

/** `waitMs`: how long what stands is told to who does not take it. */
export function afterTry(
  tried: Tried & { readonly type: string; readonly isStanding: boolean; readonly waitMs: number },
): AfterTry {
  const { delivery, outcome, patience, now, type, isStanding, waitMs } = tried;
  const tries = delivery.tries + 1;
  const isHopeless = isOverdue(tried) && (!isStanding || waited(tried) > waitMs);
  const isLast = outcome.kind === "refused" || (outcome.doubtful && tries >= patience.doubtfulTries);
  if (!isHopeless && !isLast) {
    const growing = Math.min(patience.firstPauseMs * 2 ** (tries - 1), patience.longestPauseMs);
    const due = new Date(Date.parse(now) + (isStanding ? STANDING_PAUSE_MS : growing)).toISOString();
    return { kind: "again", delivery: { since: delivery.since, tries, due } };
  }
  const isFinal = outcome.kind === "refused";
  const refusal = { type, code: outcome.code, reasons: isFinal ? outcome.reasons : [], at: now, isFinal };
  if (isOverThere(tried)) return { kind: "over", cause: refusedBy(refusal), refusal };
  if (isHopeless) return { kind: "over", cause: causeOf("peer-unreachable", outcome.code), refusal };
  return { kind: "withdrawn", refusal };
}

const waited = ({ delivery, now }: Tried): number => Date.parse(now) - Date.parse(delivery.since);
const isOverThere = ({ outcome }: Tried): boolean => outcome.kind === "refused" && outcome.isOver === true;
const isOverdue = (tried: Tried): boolean =>
  tried.outcome.kind === "passing" && waited(tried) > tried.patience.giveUpMs;
