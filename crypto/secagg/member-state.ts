/** What a member keeps between steps: one stage per state, each with exactly the data it needs. Plain JSON. */
import type { Layout } from "./layout.ts";
import type { Accept, Keys, MessageOf, Receipt, Reveal, View } from "./messages.ts";
import type { LedgerRecord, Opened, Parties, RecordOf } from "./opened.ts";

/** Private halves of the keys message, base64url. Shares of pair and seed secrets exist; seal and envelope are never shared. */
export interface MemberSecrets {
  readonly pair1: string;
  readonly pair2: string;
  readonly seal: string;
  /** Where the suite encapsulates: what was encapsulated to R. */
  readonly envelope: string;
  readonly seed1: string;
  readonly seed2: string;
  /** Where the graph is drawn from nonces. */
  readonly nonce?: string;
}

/** Four shares held for one dealer, base64url. */
export interface Held {
  readonly dealer: string;
  readonly pair1: string;
  readonly self1: string;
  readonly pair2: string;
  readonly self2: string;
  /** Where the suite encapsulates and the dealer has a smaller id: its pair seeds for this member. */
  readonly seed1?: string;
  readonly seed2?: string;
}

/** Acknowledged records, the first of each kind. */
export interface Facts {
  readonly keyset?: RecordOf<"keyset">;
  readonly maskset?: RecordOf<"maskset">;
  readonly close1?: RecordOf<"close">;
  readonly counts?: RecordOf<"counts">;
  readonly close2?: RecordOf<"close">;
  readonly end?: RecordOf<"release"> | RecordOf<"withhold"> | RecordOf<"fail">;
}

/** Messages of C that wait for their ledger record or stage. */
export type Buffered = "documents" | "keyset" | "boxes" | "maskset" | "views-1" | "result-1" | "views-2";
type Inbox = { readonly [T in Buffered]?: MessageOf<T> };

export interface MemberBase {
  readonly self: string;
  readonly opened: Opened;
  readonly parties: Parties;
  readonly context0: string;
  readonly facts: Facts;
  readonly inbox: Inbox;
  readonly receipts: { readonly 1?: Receipt; readonly 2?: Receipt };
}

interface KeyedData {
  readonly layout: Layout;
  readonly secrets: MemberSecrets;
  readonly keys: Keys;
}
/** Null where the graph is complete. */
type RevealedData = KeyedData & { readonly reveal: Reveal | null };
type SharedData = RevealedData & {
  readonly keyset: readonly Keys[];
  /** What the graph is drawn from; null where it is complete. */
  readonly graph: string | null;
  readonly shares: MessageOf<"shares">;
};
type AcceptedData = SharedData & { readonly held: readonly Held[]; readonly accept: Accept };
export type MaskedData = AcceptedData & {
  readonly masked: readonly string[];
  readonly context1: string;
  /** Whose shares each holder accepted, as bits over U; empty where the graph is complete. */
  readonly accepted: Readonly<Record<string, string>>;
};

export interface OwnCounts {
  readonly present: readonly number[];
  readonly units: readonly number[];
}
/** Phase 1; all null where this member takes no part in it. */
type Contributed1Data = MaskedData & {
  readonly own: OwnCounts | null;
  readonly contribution1: MessageOf<"contribution-1"> | null;
};
type Viewed1Data = Contributed1Data & {
  readonly survivors1: readonly string[];
  readonly closing1: string;
  readonly view1: View;
};
/** `shownViews`: digest of the views of message 13, which the fingerprints of phase 1 name. */
type Unmasked1Data = Viewed1Data & { readonly unmask1: MessageOf<"unmask-1">; readonly shownViews: string };

/** The cells that may be opened, the same for everyone. */
export interface Cells {
  readonly included: readonly number[];
  readonly bitmap: string;
  /** Counted mode: organisations and units per atom over S1. */
  readonly counts?: readonly number[];
  readonly units?: readonly number[];
}
export type ValuedData = MaskedData &
  Partial<Pick<Unmasked1Data, "own" | "contribution1" | "closing1" | "view1" | "unmask1" | "shownViews">> & {
    readonly survivors1: readonly string[];
    readonly cells: Cells;
    readonly context2: string;
  };
/** How far the masking of a vector has come. */
export interface Masking {
  /** Hashes of the masked chunks so far. */
  readonly chunks: readonly string[];
  /** Words of the first one, base64url; empty before there is one. */
  readonly first: string;
}
export const NOTHING_MASKED: Masking = { chunks: [], first: "" };
type Contributed2Data = ValuedData & { readonly contribution2: MessageOf<"contribution-2"> | null };
type Viewed2Data = Contributed2Data & { readonly survivors2: readonly string[]; readonly view2: View };
type Unmasked2Data = Viewed2Data & { readonly unmask2: MessageOf<"unmask-2"> };

export type Outcome = "released" | "withheld" | "failed" | "aborted" | "refused";

export type MemberState =
  | (MemberBase & { readonly stage: "invited" })
  | (MemberBase & { readonly stage: "reviewing"; readonly documents: MessageOf<"documents"> })
  | (MemberBase & KeyedData & { readonly stage: "keyed" })
  | (MemberBase & RevealedData & { readonly stage: "revealed" })
  | (MemberBase & SharedData & { readonly stage: "shared" })
  | (MemberBase & AcceptedData & { readonly stage: "accepted" })
  | (MemberBase & MaskedData & { readonly stage: "counting" })
  | (MemberBase & Contributed1Data & { readonly stage: "contributed-1" })
  | (MemberBase & Viewed1Data & { readonly stage: "viewed-1" })
  | (MemberBase & Unmasked1Data & { readonly stage: "unmasked-1" })
  | (MemberBase & ValuedData & { readonly stage: "valuing"; readonly masking: Masking })
  | (MemberBase & Contributed2Data & { readonly stage: "contributed-2" })
  | (MemberBase & Viewed2Data & { readonly stage: "viewed-2" })
  | (MemberBase & Unmasked2Data & { readonly stage: "unmasked-2" })
  /** Left out of a closing set although C had receipted the contribution: waits for the end, signs nothing. */
  | (MemberBase & { readonly stage: "omitted"; readonly phase: 1 | 2; readonly receipt: Receipt })
  | {
      readonly stage: "finished";
      readonly self: string;
      readonly computation: string;
      readonly outcome: Outcome;
      readonly reason?: string;
    };

export type Stage = MemberState["stage"];
export type InStage<S extends Stage> = Extract<MemberState, { stage: S }>;
export type Running = Exclude<MemberState, { stage: "finished" }>;

const RECORD_SLOTS = {
  keyset: "keyset",
  maskset: "maskset",
  counts: "counts",
  release: "end",
  withhold: "end",
  fail: "end",
} as const;

/** Where a record is remembered; omissions are not kept by members. */
export function factSlot(record: LedgerRecord): keyof Facts | undefined {
  if (record.record === "close") return record.phase === 1 ? "close1" : "close2";
  return record.record === "omitted" ? undefined : RECORD_SLOTS[record.record];
}
