/** Which steps of a coordinator need not be on disk before it goes on. */
import type { CoordinatorStep } from "./coordinator-take.ts";
import type { Message } from "./messages.ts";
import type { CoordinatorInput } from "./step.ts";

/** Each answers a round, and is sent again when that round is said again: see ANSWERED in member.ts. */
const ANSWERS: readonly Message["type"][] = ["keys", "shares", "accept", "view-1", "view-2", "unmask-1", "unmask-2"];

/**
 * True where a crash may lose the step. One that sends is saved: it may rest on answers that are not on disk, and who has
 * acted on what was sent no longer gives them (views that were here before the closing record are such answers). Records
 * are replayed from the ledger, and answers that only wait for the others come again, because a coordinator that is
 * started anew says every round again. Refusals and reveals are said once, and receipts leave with what they are for:
 * these are saved.
 */
export function mayBeLost(input: CoordinatorInput, { send, effects }: Omit<CoordinatorStep, "state">): boolean {
  if (send.length > 0 || !effects.every(({ kind }) => kind === "wake")) return false;
  return input.kind === "ledger" || (input.kind === "message" && ANSWERS.includes(input.message.type));
}
