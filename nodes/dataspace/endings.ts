/** When a process that goes on by itself no more ends, and with which cause. */
import type { ProcessDocument, Protocol } from "../../exchange/protocol/protocol.ts";
import { sends } from "../../exchange/protocol/side.ts";
import { type Cause, causeOf } from "../../exchange/protocol/vocabulary.ts";
import type { ProcessRecord, ProcessRefusal } from "./process-record.ts";

export interface Endings<D, M> {
  /** How long a process may stand still before the side that may say so ends it, in milliseconds. */
  readonly waitMs: number;
  /** The end as this side says it. */
  readonly message: (document: D, cause: Cause) => M;
}

/**
 * `say`: the table allows it. `declare`: it does not, or the other side does not take it: for this side it is over.
 * `stand`: it is over as everyone can see, and the other side need not say so.
 */
export type End<D, M> =
  | { readonly kind: "say"; readonly message: M }
  | { readonly kind: "declare"; readonly cause: Cause }
  | { readonly kind: "stand"; readonly document: D };

/**
 * In some states only the side that has the word may end a negotiation. The other one leaves it as long again to do so,
 * then it declares the end for itself: its refusals and its state say so from then on.
 */
export function endOf<D extends ProcessDocument, M extends { readonly "@type": string }>(
  protocol: Protocol<D, M>,
  endings: Endings<D, M>,
  record: ProcessRecord<D, M> & { readonly side: { readonly document: D } },
  cause: Cause,
): End<D, M> {
  const message = endings.message(record.side.document, cause);
  const isSaid = message["@type"] !== record.refusal?.type && sends(protocol.moves, record.side, message).ok;
  return isSaid ? { kind: "say", message } : { kind: "declare", cause };
}

/** Its time, UTC with Z, once nothing more is said; undefined where the record does not tell since when. */
export function deadlineOf<D extends ProcessDocument, M extends { readonly "@type": string }>(
  protocol: Protocol<D, M>,
  endings: Endings<D, M>,
  record: ProcessRecord<D, M> & { readonly side: { readonly document: D } },
): string | undefined {
  const since = record.history?.at(-1)?.at;
  if (since === undefined) return undefined;
  const { kind } = endOf(protocol, endings, record, causeOf("deadline-passed"));
  const waits = kind === "say" ? endings.waitMs : 2 * endings.waitMs;
  return new Date(Date.parse(since) + waits).toISOString();
}

export const deadlinePassed = ({ state }: ProcessDocument, due: string): Cause =>
  causeOf("deadline-passed", `nothing has moved in state ${state} by ${due}`);

export const refusedBy = ({ type, code, reasons }: ProcessRefusal): Cause =>
  causeOf("peer-refused", `${type}: ${code}`, ...reasons);

/** Of a message that the other side will never take. An end that it refuses keeps its own cause. */
export function refusedCause(message: { readonly "@type": string }, refusal: ProcessRefusal): Cause {
  const { code, reason } = message as { readonly code?: string; readonly reason?: readonly unknown[] };
  if (code === undefined) return refusedBy(refusal);
  return { code, ...(reason === undefined ? {} : { reason: [...reason] }) };
}
