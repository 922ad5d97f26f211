/** What the coordinator keeps between steps. Plain JSON; words of contributions are kept apart (`keep` effect). */
import type { Layout } from "./layout.ts";
import type { Cells, Facts, Outcome } from "./member-state.ts";
import type {
  Accept,
  Fingerprint,
  Keys,
  Message,
  MessageOf,
  Receipt,
  RecoveredSecret,
  Refusal,
  Reveal,
  Unmask,
  View,
} from "./messages.ts";
import type { Header, Opened, Parties } from "./opened.ts";

export interface SaltedDocument {
  /** base64url, 32 bytes. */
  readonly salt: string;
  readonly document: unknown;
}

export type By<T> = Readonly<Record<string, T>>;

interface CoordinatorBase {
  readonly opened: Opened;
  readonly parties: Parties;
  readonly layout: Layout;
  readonly context0: string;
  readonly documents: MessageOf<"documents">;
  readonly facts: Facts;
  readonly keys: By<Keys>;
  readonly refusals: By<Refusal>;
  /** Reveals and views of members whose replica was ahead of ours. */
  readonly early: readonly { readonly from: string; readonly message: Message }[];
}

export interface KeysetData {
  readonly keyset: readonly Keys[];
  /** In the order of U; none where the graph is complete. */
  readonly reveals: readonly Reveal[];
  /** What the graph is drawn from; null where it is complete. */
  readonly graph: string | null;
  readonly dealt: By<MessageOf<"shares">>;
}
type MasksetData = KeysetData & {
  readonly accepts: By<Accept>;
  /** What the mask set was made from; later refusals do not change it. */
  readonly answers: { readonly accepts: Accept[]; readonly refusals: Refusal[] };
  readonly masked: readonly string[];
};

/** A contribution whose message has come: its signed header, and the hashes of all its chunks. */
export interface Begun {
  readonly header: Header;
  readonly chunks: readonly string[];
}

/** One phase from contributions to recovery; `allowed` is V in phase 1 and S1 in phase 2. */
export interface Round {
  readonly phase: 1 | 2;
  readonly context: string;
  readonly allowed: readonly string[];
  readonly words: number;
  readonly chunkWords: number;
  /** As of a `Cut`. */
  readonly set?: string;
  /** Those of which chunks are missing. */
  readonly begun: By<Begun>;
  readonly contributions: By<Begun & { readonly receipt: Receipt }>;
  readonly views: By<View>;
  /** Of each view, for the signer's holders in the order of U. */
  readonly tags: By<readonly string[]>;
  readonly answers: By<Unmask>;
  /** Phase 1 with fingerprints: those that fit the contributions. */
  readonly fingerprints: By<Fingerprint>;
}
export interface Phase1Result {
  readonly message: MessageOf<"result-1">;
  readonly survivors: readonly string[];
  /** The views of message 13, for holders that are behind. */
  readonly views: readonly View[];
}
type RoundData = MasksetData & {
  readonly round: Round;
  readonly context1: string;
  /** From the end of phase 1 on, or from the mask set in registry mode. */
  readonly cells: Cells | null;
  readonly result1: Phase1Result | null;
};

/** Who ended a computation. */
export interface Faulty {
  readonly blamed?: string;
  /** Members whose reveal is missing: a restart goes without them. */
  readonly absent?: readonly string[];
}

export type CoordinatorState =
  | (CoordinatorBase & { readonly stage: "keys" })
  | (CoordinatorBase & { readonly stage: "keyset"; readonly keyset: readonly Keys[] })
  | (CoordinatorBase & { readonly stage: "reveals"; readonly keyset: readonly Keys[]; readonly revealed: By<Reveal> })
  | (CoordinatorBase & KeysetData & { readonly stage: "shares" })
  | (CoordinatorBase & KeysetData & { readonly stage: "accepts"; readonly accepts: By<Accept> })
  | (CoordinatorBase & MasksetData & { readonly stage: "maskset" })
  | (CoordinatorBase & RoundData & { readonly stage: "contributions" })
  | (CoordinatorBase &
      RoundData & {
        readonly stage: "closing";
        readonly headers: readonly Header[];
        /** Digest of the masked sum where phase 1 is checked by fingerprints. */
        readonly sum: string | null;
      })
  | (CoordinatorBase & RoundData & { readonly stage: "views" })
  | (CoordinatorBase & RoundData & { readonly stage: "unmasking"; readonly shown: readonly View[] })
  | (CoordinatorBase & RoundData & { readonly stage: "counts"; readonly cells: Cells; readonly result1: Phase1Result })
  | (CoordinatorBase &
      RoundData & {
        readonly stage: "delivered";
        readonly result2: MessageOf<"result-2">;
        readonly secrets: readonly RecoveredSecret[];
      })
  | (CoordinatorBase & { readonly stage: "failing"; readonly reason: string } & Faulty)
  /** Holds the transcripts (messages 15 and 22). */
  | {
      readonly stage: "finished";
      readonly computation: string;
      readonly outcome: Outcome;
      readonly reason?: string;
      readonly result1?: MessageOf<"result-1">;
      readonly result2?: MessageOf<"result-2">;
    };

export type CoordinatorStage = CoordinatorState["stage"];
export type AtStage<S extends CoordinatorStage> = Extract<CoordinatorState, { stage: S }>;
export type RunningCoordinator = Exclude<CoordinatorState, { stage: "finished" }>;
