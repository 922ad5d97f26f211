/** One transfer as a pure state machine, the same on both sides (DSP 2025-1, transfer process protocol, "State Machine"). */
import { type Moves, refuse, type Step as StepOf } from "../protocol/side.ts";
import { byConsumer, byEither, byProvider, isFinal, nextState, type Transitions } from "../protocol/transitions.ts";
import { keptReasons, type Role } from "../protocol/vocabulary.ts";
import { keptAddress } from "./data-address.ts";
import { PUSH } from "./formats.ts";
import type { DataAddress, TransferMessage, TransferState } from "./messages.ts";

export interface Transfer {
  readonly providerPid: string;
  readonly consumerPid: string;
  readonly state: TransferState;
  readonly agreementId: string;
  readonly format: string;
  /** Where the consumer takes messages. */
  readonly callbackAddress: string;
  /** Push: where the consumer wants the data. */
  readonly destination: DataAddress | undefined;
  /** Pull: where the consumer fetches them; only while STARTED. */
  readonly source: DataAddress | undefined;
  /** Who suspended or ended it, and why as that side said it; absent while it runs, and when it was completed. */
  readonly stopped:
    | { readonly by: Role; readonly code: string | undefined; readonly reason?: readonly unknown[] }
    | undefined;
}

export type TransferStep = StepOf<Transfer>;
type Act = "request" | "start" | "complete" | "suspend" | "terminate";

const TRANSITIONS: Transitions<TransferState, Act> = Object.freeze({
  START: { request: byConsumer("REQUESTED") },
  REQUESTED: { start: byProvider("STARTED"), terminate: byEither("TERMINATED") },
  STARTED: {
    complete: byEither("COMPLETED"),
    suspend: byEither("SUSPENDED"),
    terminate: byEither("TERMINATED"),
  },
  SUSPENDED: { start: byEither("STARTED"), terminate: byEither("TERMINATED") },
  COMPLETED: {},
  TERMINATED: {},
});

export const isTransferOver = (state: TransferState): boolean => isFinal(TRANSITIONS, state);

const ACTS: Readonly<Record<TransferMessage["@type"], Act>> = Object.freeze({
  TransferRequestMessage: "request",
  TransferStartMessage: "start",
  TransferCompletionMessage: "complete",
  TransferSuspensionMessage: "suspend",
  TransferTerminationMessage: "terminate",
});

/** `transfer` is undefined for a request; `pid` is then what the provider calls it. `message` has passed the parser. */
export function transferStep(
  transfer: Transfer | undefined,
  from: Role,
  message: TransferMessage,
  pid: string,
): TransferStep {
  const state = transfer?.state ?? "START";
  const act = ACTS[message["@type"]];
  const next = nextState(TRANSITIONS, state, from, act);
  if (next === undefined) return refuse("transition-not-allowed", `${from} may not ${act} in state ${state}`);
  if (message["@type"] === "TransferRequestMessage") {
    const { consumerPid, agreementId, format, callbackAddress } = message;
    const destination = format === PUSH ? keptAddress(message.dataAddress) : undefined;
    const pids = { providerPid: pid, consumerPid };
    return ok({ ...pids, state: next, agreementId, format, callbackAddress, destination, ...RUNNING });
  }
  if (transfer === undefined) return refuse("transition-not-allowed", "a transfer begins with a request");
  for (const name of ["providerPid", "consumerPid"] as const) {
    if (message[name] === transfer[name]) continue;
    return refuse("pid-mismatch", `${name}: wanted ${transfer[name]}, got ${message[name]}`);
  }
  // The protocol lets either side start it again; what a provider holds back a consumer must not set free.
  if (act === "start" && from === "consumer" && transfer.stopped?.by === "provider") {
    return refuse("transition-not-allowed", "the provider has suspended it: the provider starts it again");
  }
  switch (message["@type"]) {
    case "TransferStartMessage": {
      // What a consumer says about the address when it resumes is not for it to say.
      const source = from === "provider" ? keptAddress(message.dataAddress) : undefined;
      return ok({ ...transfer, ...RUNNING, source, state: next });
    }
    case "TransferCompletionMessage":
      return ok({ ...transfer, ...RUNNING, state: next });
    default: {
      const { code } = message;
      const reason = keptReasons(message.reason);
      const stopped = { by: from, code, ...(reason === undefined ? {} : { reason }) };
      return ok({ ...transfer, source: undefined, stopped, state: next });
    }
  }
}

const RUNNING = { source: undefined, stopped: undefined };
const ok = (document: Transfer): TransferStep => ({ ok: true, document: Object.freeze(document) });

/** Messages that both sides may send from one state, the further one higher (exchange/protocol/side.ts, rule 2). */
const RANKS: Readonly<Record<Act, number>> = Object.freeze({
  request: 0,
  start: 1,
  suspend: 2,
  complete: 3,
  terminate: 4,
});

export const transferMoves: Moves<Transfer, TransferMessage> = Object.freeze({
  step: transferStep,
  rank: (message: TransferMessage) => RANKS[ACTS[message["@type"]]],
  pidOf(message: TransferMessage, role: Role) {
    if (role === "consumer") return message.consumerPid;
    return message["@type"] === "TransferRequestMessage" ? undefined : message.providerPid;
  },
});
