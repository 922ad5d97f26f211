/**
 * One run of a join, as either side keeps it. Every record of it lies on disk before what it says is done; keys are in memory
 * alone, so a node that starts finds that its open runs have failed.
 *
 *     opened     the asker's commitment is on the ledger
 *     committed  the holder's is as well
 *     received   the asker's list has come in whole, and is the committed one
 *     released   the holder has said, for good, what is told; only then anything of it leaves
 */

/** What came in, or was decided, and where it leads. What is not here cannot happen. */
const NEXT = {
  opened: { committed: "committed", failed: "failed" },
  committed: { received: "received", failed: "failed" },
  received: { released: "released", withheld: "withheld", failed: "failed" },
  released: {},
  withheld: {},
  failed: {},
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

export type JoinStateName = keyof typeof NEXT;

/** Why nothing is told. Texts for people are keyed by them. */
export const JOIN_REASONS = [
  /** Fewer keys than the policy's minimum. */
  "minimum-group",
  /** With earlier releases it would tell organisations apart. */
  "release-history",
  /** A node was started again, and the run's keys are gone. */
  "restarted",
  /** Nothing came in time. */
  "abandoned",
  /** What came is not what was committed to, or no message of the protocol. */
  "protocol",
  /** The holder's own rows cannot take part: a key in two groups, or sums that may not fit. */
  "rows-unfit",
  /** The agreement, its policy or its asset is not what it was. */
  "agreement-over",
  /** A party could not be reached, or refused. */
  "unreachable",
] as const;
export type JoinReason = (typeof JOIN_REASONS)[number];

export interface JoinFacts {
  readonly run: string;
  readonly request: string;
  readonly agreement: string;
  /** From 1, under this agreement. */
  readonly number: number;
  readonly operation: "intersection" | "cardinality" | "statistics";
  readonly asker: string;
  readonly holder: string;
  readonly openedAt: string;
}

type Ended = { readonly name: "withheld" | "failed"; readonly reason: JoinReason };
export type JoinState<Release> =
  | { readonly name: "opened" | "committed" | "received" }
  | { readonly name: "released"; readonly release: Release }
  | Ended;

export interface JoinRun<Release> extends JoinFacts {
  readonly state: JoinState<Release>;
}

export class JoinStateError extends Error {
  override readonly name = "JoinStateError";
}

/** Throws JoinStateError where the run cannot go there from where it is. */
export function moved<Release>(run: JoinRun<Release>, state: JoinState<Release>): JoinRun<Release> {
  if (!canMove(run.state.name, state.name)) {
    throw new JoinStateError(`run ${run.run}: is ${run.state.name}, cannot become ${state.name}`);
  }
  return { ...run, state };
}

export const canMove = (from: JoinStateName, to: JoinStateName): boolean => Object.hasOwn(NEXT[from], to);
export const isEnded = ({ state }: JoinRun<unknown>): boolean => Object.keys(NEXT[state.name]).length === 0;
