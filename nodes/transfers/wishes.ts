/**
 * What this side's operator, or an event, wants a transfer to become. It counts here at once; the state moves when the
 * other side has acknowledged it. One wish at a time, gone when it is fulfilled; a later one takes its place, but for an
 * end, which nothing takes back.
 */
import type { Cause, Role } from "../../exchange/protocol/vocabulary.ts";
import { transferCompletion, transferSuspension, transferTermination } from "../../exchange/transfers/compose.ts";
import type { TransferMessage, TransferState } from "../../exchange/transfers/messages.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import type { RecordStore } from "../store/records.ts";

export type Wish =
  | { readonly become: "STARTED" | "COMPLETED" }
  | ({ readonly become: "SUSPENDED" | "TERMINATED" } & { readonly cause: Cause });

/** Wishes after which nothing leaves any more. */
export const isHolding = (wish: Wish | undefined): boolean => wish !== undefined && wish.become !== "STARTED";

export interface Wishes {
  get(pid: string): Promise<Wish | undefined>;
  /** False: an end is wanted already, and stays. */
  put(pid: string, wish: Wish): Promise<boolean>;
  /** What is still to be said in this state; what it has made good or impossible is gone. */
  standing(pid: string, state: TransferState): Promise<Wish | undefined>;
  forget(pid: string): Promise<void>;
}

export function createWishes(records: RecordStore<Wish>): Wishes {
  /** A wish that is made while an older one is looked at must not be tidied away with it. */
  const oneAtATime = createKeyedLock();
  return Object.freeze({
    get: (pid: string) => records.get(pid),
    put: (pid: string, wish: Wish) =>
      oneAtATime(pid, async () => {
        if ((await records.get(pid))?.become === "TERMINATED") return false;
        await records.put(pid, wish);
        return true;
      }),
    standing: (pid: string, state: TransferState) =>
      oneAtATime(pid, async () => {
        const wish = await records.get(pid);
        if (wish === undefined || (wish.become !== state && isPossible(wish, state))) return wish;
        await records.delete(pid);
        return undefined;
      }),
    forget: (pid: string) => oneAtATime(pid, () => records.delete(pid)),
  });
}

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
