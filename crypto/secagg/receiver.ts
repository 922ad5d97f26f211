/** The receiver's side: per-request key, recomputation of the sum, envelope removal, decoding. See step.ts. */

import type { Signed } from "../suites/signed.ts";
import { SecaggError } from "./errors.ts";
import type { Layout } from "./layout.ts";
import type { Opened, Parties, ReceiverKeyStatement, Sign } from "./opened.ts";
import type { CommonDeps, ReceiverEffect, ReceiverInput, Step } from "./step.ts";

export interface ReceiverKeyPair {
  /** base64url; persist before `signed` leaves (message 1). */
  readonly privateKey: string;
  readonly signed: Signed<ReceiverKeyStatement>;
}

/** Message 1, R's part: a fresh X25519 key for one computation, signed by R (domain "receiver-key"). */
export function createReceiverKey(
  _about: { computation: string; request: string; receiver: string },
  _deps: { random: (bytes: number) => Uint8Array; sign: Sign },
): ReceiverKeyPair {
  throw new SecaggError("ERR_SECAGG_STAGE", "not built yet");
}

export interface ReceiverState {
  readonly stage: string;
}

export interface ReceiverStart {
  readonly opened: Opened;
  readonly parties: Parties;
  readonly layout: Layout;
  readonly privateKey: string;
}

export function startReceiver(_start: ReceiverStart): ReceiverState {
  throw new SecaggError("ERR_SECAGG_STAGE", "not built yet");
}

export function stepReceiver(
  _state: ReceiverState,
  _input: ReceiverInput,
  _deps: CommonDeps,
): Step<ReceiverState, ReceiverEffect> {
  throw new SecaggError("ERR_SECAGG_STAGE", "not built yet");
}
