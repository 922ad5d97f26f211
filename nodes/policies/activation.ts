/**
 * The life of a policy that is to be put in force, possibly on a later day and possibly after a second person has looked
 * at it: one table, no effects.
 *
 *   waiting -> scheduled -> activating -> active | overtaken | failed
 *   waiting, scheduled -> withdrawn
 */
export interface ApprovalBy {
  readonly by: string;
  /** UTC with Z, as every instant here. */
  readonly at: string;
}

interface Proposed {
  readonly id: string;
  readonly asset: string;
  readonly policyDigest: string;
  /** In force from here on. */
  readonly from: string;
  /** Who proposed it is the first to approve it. */
  readonly approvals: readonly [ApprovalBy, ...ApprovalBy[]];
  /** Who has to approve, whoever proposed it included. */
  readonly persons: number;
}

export type Activation = Proposed &
  (
    | { readonly state: "waiting" | "scheduled" }
    /** About to be, or already, on the ledger under this version. */
    | { readonly state: "activating"; readonly version: number }
    | { readonly state: "active" | "overtaken"; readonly version: number; readonly endedAt: string }
    | { readonly state: "withdrawn"; readonly endedAt: string; readonly endedBy: string; readonly reason: string }
    | { readonly state: "failed"; readonly endedAt: string; readonly problem: FailedBecause }
  );
type Standing = Extract<Activation, { state: "waiting" | "scheduled" | "activating" }>;

/** What was right when it was proposed and is not any more. */
export const ACTIVATION_PROBLEMS = ["asset-not-active", "policy-not-understood"] as const;
export type FailedBecause = (typeof ACTIVATION_PROBLEMS)[number];

export type ApprovalRefused = "activation-over" | "same-person" | "enough-persons";

const settled = (activation: Proposed): Activation => ({
  ...activation,
  state: activation.approvals.length >= activation.persons ? "scheduled" : "waiting",
});

export const proposed = (given: Omit<Proposed, "approvals">, by: string, at: string): Activation =>
  settled({ ...given, approvals: [{ by, at }] });

export function approved(activation: Activation, by: string, at: string): Activation | ApprovalRefused {
  if (activation.state === "scheduled") return "enough-persons";
  if (activation.state !== "waiting") return "activation-over";
  if (activation.approvals.some((one) => one.by === by)) return "same-person";
  return settled({ ...activation, approvals: [...activation.approvals, { by, at }] });
}

export function withdrawn(
  activation: Activation,
  by: string,
  at: string,
  reason: string,
): Activation | "activation-over" {
  if (activation.state !== "waiting" && activation.state !== "scheduled") return "activation-over";
  return { ...activation, state: "withdrawn", endedAt: at, endedBy: by, reason };
}

/** What has to be done now, in the order in which it takes effect; what a crash left half done comes first. */
export const dueAt = (activations: readonly Activation[], now: string): readonly Standing[] =>
  activations
    .filter(
      (one) => one.state === "activating" || (one.state === "scheduled" && Date.parse(one.from) <= Date.parse(now)),
    )
    .toSorted((a, b) => rank(a) - rank(b) || Date.parse(a.from) - Date.parse(b.from)) as readonly Standing[];

const rank = ({ state }: Activation): number => (state === "activating" ? 0 : 1);

/** The next instant at which something becomes due; undefined: nothing waits for time. */
export function nextDue(activations: readonly Activation[]): number | undefined {
  const times = activations.flatMap(({ state, from }) => (state === "scheduled" ? [Date.parse(from)] : []));
  return times.length === 0 ? undefined : Math.min(...times);
}
