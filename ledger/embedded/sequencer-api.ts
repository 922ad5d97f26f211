/**
 * What a replica asks of the sequencer. In one process the sequencer itself is the implementation; between machines
 * nodes/peer carries it over HTTP. The replica trusts nothing it gets: it re-executes and verifies everything.
 * Implementations throw LedgerError ERR_LEDGER_UNREACHABLE when the sequencer cannot be reached.
 */
import type { ContractErrorCode } from "../../chaincode/rules/errors.ts";
import type { LedgerEntry, SignedTransaction } from "../port.ts";

/** One group commit: `entries` follow the entry before `from`; the checkpoint's size is from + entries.length. */
export interface LogBatch {
  readonly from: number;
  readonly entries: readonly LedgerEntry[];
  /** C2SP checkpoint note; carries the quorum's cosignatures once the batch is acknowledged. */
  readonly checkpoint: string;
}

export type SubmitAnswer =
  | { readonly ok: true; readonly entry: LedgerEntry }
  | { readonly ok: false; readonly code: ContractErrorCode; readonly field?: string; readonly message: string };

export interface SequencerApi {
  /**
   * Answers in input order once every accepted transaction is acknowledged. At most MAX_SUBMIT transactions. `from` is
   * the authenticated member that hands them in, whose share of the queue they count against. Throws LedgerError
   * ERR_LEDGER_NO_QUORUM (still pending: submit the same again), _FULL (retry later), _FORK, _CORRUPT.
   */
  submit(transactions: readonly SignedTransaction[], from?: string): Promise<readonly SubmitAnswer[]>;
  /**
   * Whole batches in order, the first beginning exactly at `from`, the last one possibly not acknowledged yet; at most
   * about `limit` entries. Empty after `waitMs` without news. Throws ERR_LEDGER_FORK when no batch begins at `from`.
   */
  batches(query: {
    readonly from: number;
    readonly limit: number;
    readonly waitMs: number;
  }): Promise<readonly LogBatch[]>;
  /** The acknowledged checkpoint of exactly `size` entries, or undefined after `waitMs` without it. */
  acknowledged(query: { readonly size: number; readonly waitMs: number }): Promise<string | undefined>;
  /**
   * Hands in one cosignature: a note over a checkpoint whose only signature line is the cosignature. Resolves as
   * `acknowledged` does for the size of that checkpoint.
   */
  cosign(cosigned: {
    readonly member: string;
    readonly note: string;
    readonly waitMs: number;
  }): Promise<string | undefined>;
  /**
   * Said by every replica whenever it connects: the latest sequencer-signed checkpoint it holds (undefined: none). A
   * sequencer whose own store is behind it, or differs, stops (ERR_LEDGER_CORRUPT or ERR_LEDGER_FORK).
   */
  present(held: { readonly member: string; readonly checkpoint: string | undefined }): Promise<void>;
  /** RFC 6962 consistency proof between two sizes; hashes as base64url. */
  consistencyProof(query: { readonly from: number; readonly to: number }): Promise<readonly string[]>;
}

export const MAX_SUBMIT = 1000;
