/**
 * What this side's operator, or an event, wants a transfer to become. It counts here at once; the state moves when the
 * other side has acknowledged it. One wish at a time, gone when it is fulfilled; a later one takes its place, but for an
 * end, which nothing takes back. A pause is more than a wish: this side holds the transfer until its own operator
 * resumes it, whoever has suspended it, and whether the other side has heard of it or not.
 */
import type { Cause, Role } from "../../exchange/protocol/vocabulary.ts";
import { transferCompletion, transferSuspension, transferTermination } from "../../exchange/transfers/compose.ts";
import type { TransferMessage, TransferState } from "../../exchange/transfers/messages.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import type { RecordStore } from "../store/records.ts";

export type Wish = { readonly become: "STARTED" | "COMPLETED" } | End | Pause;
type End = { readonly become: "TERMINATED"; readonly cause: Cause };
type Pause = { readonly become: "SUSPENDED"; readonly cause: Cause };

/** Wishes after which nothing leaves any more. */
export const isHolding = (wish: Wish | undefined): boolean => wish !== undefined && wish.become !== "STARTED";

export interface Wishes {
  /** What counts; a hold for as long as it stands. */
  get(pid: string): Promise<Wish | undefined>;
  isHeld(pid: string): Promise<boolean>;
  /** False: an end is wanted already, and stays. */
  put(pid: string, wish: Wish): Promise<boolean>;
  /** What is still to be said in this state; what it has made good or impossible is gone. */
  standing(pid: string, state: TransferState): Promise<Wish | undefined>;
  forget(pid: string): Promise<void>;
}

export interface WishStores {
  readonly wishes: RecordStore<Exclude<Wish, Pause>>;
  readonly holds: RecordStore<Pause>;
}

export function createWishes({ wishes, holds }: WishStores): Wishes {
  /** A wish that is made while an older one is looked at must not be tidied away with it. */
  const oneAtATime = createKeyedLock();

  async function wanted(pid: string): Promise<Wish | undefined> {
    const wish = await wishes.get(pid);
    return isHolding(wish) ? wish : ((await holds.get(pid)) ?? wish);
  }

  return Object.freeze({
    get: wanted,
    isHeld: async (pid: string) => (await holds.get(pid)) !== undefined,
    put: (pid: string, wish: Wish) =>
      oneAtATime(pid, async () => {
        if ((await wishes.get(pid))?.become === "TERMINATED") return false;
        if (wish.become === "SUSPENDED") {
          await holds.put(pid, wish);
          if ((await wishes.get(pid)) !== undefined) await wishes.delete(pid);
          return true;
        }
        // First, so that what a crash leaves half done holds nothing, and nobody is told to go on.
        if (wish.become === "STARTED" && (await holds.get(pid)) !== undefined) await holds.delete(pid);
        await wishes.put(pid, wish);
        return true;
      }),
    standing: (pid: string, state: TransferState) =>
      oneAtATime(pid, async () => {
        const wish = await wishes.get(pid);
        if (wish !== undefined && (wish.become === state || !isPossible(wish, state))) await wishes.delete(pid);
        const standing = await wanted(pid);
        return standing?.become === "SUSPENDED" && !isPossible(standing, state) ? undefined : standing;
      }),
    forget: (pid: string) =>
      oneAtATime(pid, async () => {
        await holds.delete(pid);
        await wishes.delete(pid);
      }),
  });
}

const FROM: Readonly<Record<Wish["become"], readonly TransferState[]>> = Object.freeze({
  STARTED: ["SUSPENDED"],
  COMPLETED: ["STARTED"],
  SUSPENDED: ["STARTED"],
  TERMINATED: ["REQUESTED", "STARTED", "SUSPENDED"],
});

/** Can it be said in this state? */
const isPossible = ({ become }: Pick<Wish, "become">, state: TransferState): boolean => FROM[become].includes(state);

/** May the operator of the side in this role want it now? A hold is for this side to make and to lift. */
export function isAllowed(become: Wish["become"], { state, stopped }: Transfer, role: Role, isHeld: boolean): boolean {
  if (become === "SUSPENDED") return state === "STARTED" || state === "SUSPENDED";
  if (become !== "STARTED") return isPossible({ become }, state);
  const isTheirs = role === "consumer" && stopped?.by === "provider";
  return isHeld || (isPossible({ become }, state) && !isTheirs);
}

/** `start`: a start with a new address, where this side is the one that has it. */
export function messageOf(
  wish: Wish,
  document: Transfer,
  role: Role,
  start: () => TransferMessage,
): TransferMessage | undefined {
  if (!isPossible(wish, document.state)) return undefined;
  switch (wish.become) {
    case "STARTED":
      // What a provider holds back a consumer does not set free.
      return role === "consumer" && document.stopped?.by === "provider" ? undefined : start();
    case "COMPLETED":
      return transferCompletion(document);
    case "SUSPENDED":
      return transferSuspension(document, wish.cause);
    case "TERMINATED":
      return transferTermination(document, wish.cause);
  }
}
