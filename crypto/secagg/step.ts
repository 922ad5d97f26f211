/**
 * How a driver runs a role.
 *
 *   const { state, send, effects } = stepMember(previous, input, deps);
 *   1. carry out `history` and `keep` effects and write `state` (plain JSON) durably, history first, state last;
 *   2. only then hand `send` to the transport and carry out the other effects.
 *
 * After a crash: load the state, then step with { kind: "resume" }; it repeats the exact bytes and open questions of
 * the present stage. Every input may be repeated: a role answers a repetition with the same bytes or with nothing.
 * Ledger records and messages may come in any order; a role keeps what it needs until it can use it.
 * A step throws SecaggError for hostile or misplaced input: the previous state stays valid, drop the input.
 * Members and R hold secrets in their states: one file per computation, unlinked on the `erase` effect, never in a backup.
 */
import type { Signed } from "../suites/signed.ts";
import type { SumPlan } from "./chunk-sum.ts";
import type { HistoryEntry } from "./history.ts";
import type { Layout } from "./layout.ts";
import type { Message } from "./messages.ts";
import type { LedgerRecord, Sign } from "./opened.ts";

export interface Send {
  /** Member id of the recipient: a cohort member, the coordinator or the receiver. */
  readonly to: string;
  readonly message: Message;
}

export interface Step<State, Effect> {
  readonly state: State;
  readonly send: readonly Send[];
  readonly effects: readonly Effect[];
}

/** Inputs every role takes. */
export type CommonInput =
  | { readonly kind: "message"; readonly from: string; readonly message: Message }
  /** An acknowledged record of this computation, read from this node's own verified replica. */
  | { readonly kind: "ledger"; readonly record: LedgerRecord }
  /** Time has passed: after a `wake` effect, and every few minutes, so that what has expired is erased. */
  | { readonly kind: "tick" }
  | { readonly kind: "resume" };

export interface CommonDeps {
  /** Milliseconds since 1970, read once per step. */
  readonly now: number;
  readonly sign: Sign;
}

// ---- member

export type MemberInput =
  | CommonInput
  /** Answer to `review`: the documents were checked against policy, history and catalogue, and give this layout. */
  | { readonly kind: "reviewed"; readonly layout: Layout }
  /** Answer to `review`, or a later withdrawal (attribute wrong, value missing or zero) before the mask set closes. */
  | { readonly kind: "refuse"; readonly reason: string }
  /** Answer to `compute-counts`: per atom 1 where this member has a non-null, non-zero contribution, and its units. */
  | { readonly kind: "counts"; readonly present: readonly number[]; readonly units: readonly number[] }
  /** Answer to `compute-values`: the words of the included atoms (see layout.ts), chunk by chunk from the first on. */
  | { readonly kind: "values"; readonly index: number; readonly words: BigUint64Array }
  /** Answer to `encrypt`: the ciphertexts of these words, one after another. */
  | { readonly kind: "encrypted"; readonly index: number; readonly bytes: Uint8Array }
  /** Nothing to contribute in this phase after all (source lost, value missing): the member helps the others on. */
  | { readonly kind: "abstain" }
  /** The agreement was revoked. */
  | { readonly kind: "revoked" }
  /** At start: own statements that sequencer, C and R hold. One that this state does not know aborts. */
  | { readonly kind: "witnessed"; readonly statements: readonly Signed<unknown>[] }
  /** At start: another party holds something of this node that is newer than its store. */
  | { readonly kind: "rolled-back" };

export interface MemberDeps extends CommonDeps {
  readonly random: (bytes: number) => Uint8Array;
  /**
   * Value releases this member has taken part in, over all computations, as of this very step: a `history` effect of any
   * of them counts from the step that gave it, before it is on disk. A list read earlier lets two computations that run
   * at once sign releases that tell one member apart.
   */
  readonly history: readonly HistoryEntry[];
}

export type MemberEffect =
  /** Check the documents of message 2 (digests already match) and answer `reviewed` or `refuse`. */
  | {
      readonly kind: "review";
      readonly query: unknown;
      readonly layout: unknown;
      readonly policy: unknown;
      /** R's, of the opening's parameter set: keep it for `encrypt`. */
      readonly homomorphicKey?: Uint8Array;
    }
  | { readonly kind: "compute-counts"; readonly atoms: number }
  | { readonly kind: "compute-values"; readonly included: readonly number[]; readonly chunkWords: number }
  /** Masked words under R's homomorphic key; answer `encrypted`. */
  | { readonly kind: "encrypt"; readonly index: number; readonly words: BigUint64Array }
  /** Store a masked chunk durably: it leaves after the message that carries the first one. */
  | { readonly kind: "keep"; readonly phase: 1 | 2; readonly index: number; readonly words: Uint8Array }
  /** Append to the permanent history before anything is sent. */
  | { readonly kind: "history"; readonly entry: HistoryEntry }
  /** Submit to the ledger as this member. */
  | { readonly kind: "submit"; readonly type: "computation.omitted"; readonly body: unknown }
  /** Step with `tick` at this time (milliseconds since 1970). */
  | { readonly kind: "wake"; readonly at: number }
  /** A message kept for later turned out false when its record came; it is forgotten. */
  | { readonly kind: "blame"; readonly member: string; readonly reason: string }
  /** Unlink the in-flight file after writing that this computation is over. */
  | { readonly kind: "erase" };

// ---- coordinator

export type CoordinatorInput =
  | CommonInput
  /** The next chunk of a contribution whose message has come. */
  | {
      readonly kind: "chunk";
      readonly from: string;
      readonly phase: 1 | 2;
      readonly index: number;
      readonly words: Uint8Array;
    };

export interface CoordinatorDeps extends CommonDeps {
  readonly random: (bytes: number) => Uint8Array;
  /** A chunk kept by an earlier `keep` effect. */
  readonly kept: (phase: 1 | 2, member: string, index: number) => Uint8Array;
  /** How many chunks are kept from the first on, none of them missing. */
  readonly held: (phase: 1 | 2, member: string) => number;
}

export type CoordinatorEffect =
  /** Submit to the ledger as the coordinator; the record comes back as a `ledger` input. Repeated on resume. */
  | {
      readonly kind: "submit";
      readonly type:
        | "computation.keyset"
        | "computation.maskset"
        | "computation.close"
        | "computation.counts"
        | "computation.fail";
      readonly body: unknown;
    }
  /**
   * Store a chunk of a contribution durably before it is answered, or its receipt leaves. The first one begins a
   * contribution: from then on `held` is 1, whatever was kept of this member in this phase.
   */
  | {
      readonly kind: "keep";
      readonly phase: 1 | 2;
      readonly member: string;
      readonly index: number;
      readonly words: Uint8Array;
    }
  | { readonly kind: "wake"; readonly at: number }
  /** A party broke the protocol, provably where `evidence` is present. */
  /** The sender or signer named broke the protocol; `evidence` is what it sent. */
  | { readonly kind: "blame"; readonly member: string; readonly reason: string; readonly evidence?: unknown };

// ---- receiver

export type ReceiverInput =
  | CommonInput
  /** Answer to `sum`: the words of the included atoms, all masks off. */
  | { readonly kind: "summed"; readonly words: BigUint64Array }
  /** Answer to `sum`: a chunk is not what its header names, or a sum of ciphertexts not that of theirs. */
  | { readonly kind: "not-summed"; readonly reason: string };

export type ReceiverEffect =
  /** The transcript holds: fetch the chunks, redo the sum (chunk-sum.ts), answer `summed`. */
  | { readonly kind: "sum"; readonly plan: SumPlan }
  /** The decoded sums, once; then exchange applies the output rules and records release or withholding. */
  | { readonly kind: "decoded"; readonly result: Decoded }
  /** Nothing may be released: record the withholding with this reason. */
  | { readonly kind: "withhold"; readonly reason: string }
  | { readonly kind: "blame"; readonly member: string; readonly reason: string; readonly evidence?: unknown }
  | { readonly kind: "erase" };

export interface DecodedCell {
  readonly atom: number;
  /** Contributing organisations: exact in registry mode, over S1 in counted mode. */
  readonly organisations: number;
  /** Registry mode has none. */
  readonly units?: number;
}

export interface Decoded {
  readonly computation: string;
  readonly survivors: readonly string[];
  /** Included atoms, ascending. */
  readonly cells: readonly DecodedCell[];
  /** Sums of the included atoms, component by component, as layout.ts says. */
  readonly words: BigUint64Array;
  /** Atoms left out although their own numbers are enough, because they would give away others; ascending. */
  readonly complements: readonly number[];
  /** Digest of the transcript (message 22) the sums follow from; of the words it holds the hashes of the chunks. */
  readonly transcriptDigest: string;
}
