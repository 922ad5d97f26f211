/**
 * One process as one side keeps it. Its state changes when the other side acknowledges what this side sent, or when this
 * side takes what the other sent (DSP 2025-1, "State Machine"); an error answer changes nothing.
 *
 * The protocol leaves messages that cross each other open. Our rule:
 *  1. A message that is possible only after ours proves that ours was taken, as an acknowledgement would.
 *  2. Otherwise, where both would be taken from the state that both sides know, the one that goes further counts:
 *     termination, then completion, then suspension, then start; of two that say the same, the provider's, whose start
 *     carries the address. The side that sent the other one takes it and forgets its own; the side that sent the one
 *     that counts refuses for now (`crossed`).
 *  3. The same message again is answered again, until something else has happened. Where that something may have
 *     happened already, because the answer to ours is on its way, the same words may be new ones: refused for now.
 */
import { otherRole, type Role } from "./vocabulary.ts";

export const SIDE_PROBLEMS = [
  "transition-not-allowed",
  "pid-mismatch",
  "callback-missing",
  "target-mismatch",
  "agreement-mismatch",
  "crossed",
  "message-in-flight",
] as const;
export type SideProblem = (typeof SIDE_PROBLEMS)[number];

export interface Refusal {
  readonly ok: false;
  readonly code: SideProblem;
  readonly detail: string;
}
export type Step<D> = { readonly ok: true; readonly document: D } | Refusal;

export const refuse = (code: SideProblem, detail: string): Refusal => ({ ok: false, code, detail });

/** What the negotiation and the transfer process each are, as far as two sides are concerned. */
export interface Moves<D, M> {
  /** `pid` is what the side that takes a first message calls the process; it is not read otherwise. */
  readonly step: (document: D | undefined, from: Role, message: M, pid: string) => Step<D>;
  /** Of messages that cross, the higher one counts. Equal: they say the same. */
  readonly rank: (message: M) => number;
  /** The id that the other side of `role` gave this message's process, where it says one. */
  readonly pidOf: (message: M, role: Role) => string | undefined;
}

export interface Side<D, M> {
  readonly role: Role;
  /** As both sides know it; undefined until a first message of this side was acknowledged. */
  readonly document: D | undefined;
  /** On its way: not acknowledged yet. */
  readonly sending: M | undefined;
  /** Digest of the message that led here, where the other side sent it. */
  readonly taken: string | undefined;
}

export type Taken<D, M> =
  | { readonly ok: true; readonly side: Side<D, M> & { readonly document: D }; readonly repeated: boolean }
  | Refusal;

export const newSide = (role: Role): Side<never, never> => ({
  role,
  document: undefined,
  sending: undefined,
  taken: undefined,
});

/** This side is about to send: checked against the table before anybody hears of it. */
export function sends<D, M>(
  moves: Moves<D, M>,
  side: Side<D, M>,
  message: M,
): { readonly ok: true; readonly side: Side<D, M> } | Refusal {
  if (side.sending !== undefined) return refuse("message-in-flight", "one message at a time: wait for its answer");
  // The other side's id for a process that begins is its answer's to say.
  const step = moves.step(side.document, side.role, message, "unknown");
  return step.ok ? { ok: true, side: { ...side, sending: message } } : step;
}

/** The other side acknowledged. `pid`: its id for the process, needed where this began it. */
export function acknowledged<D, M>(moves: Moves<D, M>, side: Side<D, M>, pid: string): Taken<D, M> {
  if (side.sending === undefined) return refuse("transition-not-allowed", "nothing is on its way");
  const step = moves.step(side.document, side.role, side.sending, pid);
  if (!step.ok) return step;
  return {
    ok: true,
    side: { ...side, document: step.document, sending: undefined, taken: undefined },
    repeated: false,
  };
}

/** The other side refused, or nobody will ever know: as if it had not been sent. */
export const withdrawn = <D, M>(side: Side<D, M>): Side<D, M> => ({ ...side, sending: undefined });

/** A message of the other side. `digest` identifies it; `pid` is this side's id for a process that begins with it. */
export function takes<D, M>(
  moves: Moves<D, M>,
  side: Side<D, M>,
  message: M,
  digest: string,
  pid: string,
): Taken<D, M> {
  const { document, sending } = side;
  const from = otherRole(side.role);
  /** As the other side sees it where it has taken ours. */
  const afterOurs = () => {
    const sent = moves.step(document, side.role, sending as M, moves.pidOf(message, from) ?? "");
    return sent.ok ? moves.step(sent.document, from, message, pid) : sent;
  };
  if (document !== undefined && side.taken === digest) {
    const mayBeNew = sending !== undefined && afterOurs().ok;
    if (mayBeNew)
      return refuse("crossed", "the same words again, or new ones: try again when this side's are answered");
    return { ok: true, side: { ...side, document }, repeated: true };
  }
  const taken = (step: Step<D>): Taken<D, M> =>
    step.ok
      ? {
          ok: true,
          side: { role: side.role, document: step.document, sending: undefined, taken: digest },
          repeated: false,
        }
      : step;
  if (sending === undefined) return taken(moves.step(document, from, message, pid));

  const direct =
    document === undefined
      ? refuse("transition-not-allowed", "the first message of this process is on its way to the other side")
      : moves.step(document, from, message, pid);
  if (direct.ok) {
    const ahead = moves.rank(message) - moves.rank(sending);
    const counts = ahead > 0 || (ahead === 0 && from === "provider");
    return counts ? taken(direct) : refuse("crossed", "crossed a message that counts before it; try again");
  }
  const after = afterOurs();
  return after.ok ? taken(after) : direct;
}
