/** The coordinator's side: relays rounds, closes sets on the ledger, recovers secrets. See step.ts for how to run it. */
import { SecaggError } from "./errors.ts";
import type { Layout } from "./layout.ts";
import type { Opened, Parties } from "./opened.ts";
import type { CoordinatorDeps, CoordinatorEffect, CoordinatorInput, Step } from "./step.ts";

export interface SaltedDocument {
  /** base64url, 32 bytes. */
  readonly salt: string;
  readonly document: unknown;
}

export interface CoordinatorState {
  readonly stage: string;
}

export interface CoordinatorStart {
  readonly opened: Opened;
  readonly parties: Parties;
  readonly layout: Layout;
  readonly documents: {
    readonly query: SaltedDocument;
    readonly layout: SaltedDocument;
    readonly policy: SaltedDocument;
  };
}

/** Step with { kind: "resume" } next: it sends message 2. */
export function startCoordinator(_start: CoordinatorStart): CoordinatorState {
  throw new SecaggError("ERR_SECAGG_STAGE", "not built yet");
}

export function stepCoordinator(
  _state: CoordinatorState,
  _input: CoordinatorInput,
  _deps: CoordinatorDeps,
): Step<CoordinatorState, CoordinatorEffect> {
  throw new SecaggError("ERR_SECAGG_STAGE", "not built yet");
}
