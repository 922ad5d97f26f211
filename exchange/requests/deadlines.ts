/**
 * By when providers answer: a request that its provider has not taken up by the end of the check, or that waits for a
 * person beyond the answer, is overdue, and later a matter for whoever runs the network. Every node works this out from
 * its own replica of the ledger, so nobody has to be told.
 */
import { endOfWorkingDay, type WorkCalendar } from "../../policies/calendar/working-days.ts";
import type { AssetDecision, RequestLife } from "./life.ts";

/** Working days. */
export interface RequestTimes {
  /** From the submission. */
  readonly check: number;
  /** From the end of the check. */
  readonly answer: number;
  /** From the end of the answer. */
  readonly escalate: number;
}

export const STANDINGS = ["open", "reminded", "overdue", "escalated"] as const;
export type Standing = (typeof STANDINGS)[number];

export interface Deadline {
  readonly request: string;
  readonly asset: string;
  readonly requester: string;
  readonly outcome: Extract<AssetDecision["outcome"], "pending" | "wait">;
  readonly submittedAt: string;
  /** One working day before `due`, or at the submission where that is later. */
  readonly remindAt: string;
  readonly due: string;
  readonly escalateAt: string;
  readonly standing: Standing;
}

/** Assets of a request that somebody still owes an answer on; none once it is over. */
export function deadlinesOf(
  life: RequestLife,
  times: RequestTimes,
  calendar: WorkCalendar,
  now: string,
): readonly Deadline[] {
  if (life.name !== "submitted" && life.name !== "agreed") return [];
  const { id: request, requester, submittedAt } = life;
  const end = (days: number) => endOfWorkingDay(submittedAt, days, calendar);
  return Object.entries(life.assets).flatMap(([asset, { outcome }]): Deadline[] => {
    if (outcome !== "pending" && outcome !== "wait") return [];
    const days = outcome === "pending" ? times.check : times.check + times.answer;
    const due = end(days);
    const remindAt = days > 1 ? end(days - 1) : submittedAt;
    const escalateAt = end(days + times.escalate);
    const standing = standingAt(Date.parse(now), { remindAt, due, escalateAt });
    return [{ request, asset, requester, outcome, submittedAt, remindAt, due, escalateAt, standing }];
  });
}

type Instants = Pick<Deadline, "remindAt" | "due" | "escalateAt">;

function standingAt(now: number, { remindAt, due, escalateAt }: Instants): Standing {
  if (now > Date.parse(escalateAt)) return "escalated";
  if (now > Date.parse(due)) return "overdue";
  return now > Date.parse(remindAt) ? "reminded" : "open";
}

/** Milliseconds since 1970 at which the next of these changes its standing; undefined: none does. */
export function nextChange(deadlines: readonly Instants[], now: string): number | undefined {
  const ahead = deadlines
    .flatMap(({ remindAt, due, escalateAt }) => [remindAt, due, escalateAt].map((at) => Date.parse(at) + 1))
    .filter((at) => at > Date.parse(now));
  return ahead.length === 0 ? undefined : Math.min(...ahead);
}
