/**
 * What this side's operator, or an event, wants a transfer to become. It counts here at once; the state moves when the
 * other side has acknowledged it. One wish at a time, gone when it is fulfilled.
 */
import type { Cause, Role } from "../../exchange/protocol/vocabulary.ts";
import { transferCompletion, transferSuspension, transferTermination } from "../../exchange/transfers/compose.ts";
import type { TransferMessage, TransferState } from "../../exchange/transfers/messages.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";

export type Wish =
  | { readonly become: "STARTED" | "COMPLETED" }
  | ({ readonly become: "SUSPENDED" | "TERMINATED" } & { readonly cause: Cause });

/** Wishes after which nothing leaves any more. */
export const isHolding = (wish: Wish | undefined): boolean => wish !== undefined && wish.become !== "STARTED";

const FROM: Readonly<Record<Wish["become"], readonly TransferState[]>> = Object.freeze({
  STARTED: ["SUSPENDED"],
  COMPLETED: ["STARTED"],
  SUSPENDED: ["STARTED"],
  TERMINATED: ["REQUESTED", "STARTED", "SUSPENDED"],
});

/** Can it still be said in this state? */
export const isPossible = (wish: Wish, state: TransferState): boolean => FROM[wish.become].includes(state);

/** `start`: a start with a new address, where this side is the one that has it. */
export function messageOf(
  wish: Wish,
  document: Transfer,
  _role: Role,
  start: () => TransferMessage,
): TransferMessage | undefined {
  if (!isPossible(wish, document.state)) return undefined;
  switch (wish.become) {
    case "STARTED":
      return start();
    case "COMPLETED":
      return transferCompletion(document);
    case "SUSPENDED":
      return transferSuspension(document, wish.cause);
    case "TERMINATED":
      return transferTermination(document, wish.cause);
  }
}
