/** The member's side: keys, shares, contributions, views, unmasking. See step.ts for how to run it. */
import { SecaggError } from "./errors.ts";
import type { Opened, Parties } from "./opened.ts";
import type { MemberDeps, MemberEffect, MemberInput, Step } from "./step.ts";

export interface MemberState {
  readonly stage: string;
  readonly self: string;
}

export interface MemberStart {
  readonly self: string;
  readonly opened: Opened;
  readonly parties: Parties;
}

/** Throws ERR_SECAGG_OPENING naming the rule the opening record breaks: then take no part. */
export function startMember(_start: MemberStart): MemberState {
  throw new SecaggError("ERR_SECAGG_STAGE", "not built yet");
}

export function stepMember(
  _state: MemberState,
  _input: MemberInput,
  _deps: MemberDeps,
): Step<MemberState, MemberEffect> {
  throw new SecaggError("ERR_SECAGG_STAGE", "not built yet");
}
