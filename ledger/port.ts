/**
 * The Ledger port: one contract, two hosts (embedded log, Hyperledger Fabric), one conformance suite.
 * Reads answer from this node's own verified replica.
 */
import type { Transaction } from "../chaincode/rules/transactions.ts";
import type { Signed } from "../crypto/suites/signed.ts";

export type {
  Transaction,
  TransactionBody,
  TransactionType,
} from "../chaincode/rules/transactions.ts";

export type SignedTransaction = Signed<Transaction>;

/** One ordered record. Its leaf bytes on the embedded log are the RFC 8785 text of {time, transaction}. */
export interface LedgerEntry {
  readonly position: number;
  /** Ordering time, UTC with Z. */
  readonly time: string;
  readonly transaction: SignedTransaction;
}

/** Offline proof that an entry is on the ledger; `kind` chooses the verifier in ledger/audit. */
export type LedgerProof =
  | {
      readonly kind: "tlog" /** c2sp.org/tlog-proof@v1 text with a quorum-cosigned checkpoint. */;
      readonly proof: string;
    }
  | { readonly kind: "fabric" /** FabricProof of ledger/audit/fabric-bundle.ts. */; readonly proof: unknown };

export interface LedgerStatus {
  readonly kind: "embedded" | "fabric";
  readonly network: string;
  /** Entries acknowledged by the quorum and applied here. */
  readonly height: number;
  readonly root: string;
  readonly role: "sequencer" | "replica" | "client";
  readonly reachable: boolean;
  /** Why this node relies on its copy no longer: histories or states contradict each other. It takes no record meanwhile. */
  readonly halted?: (typeof LEDGER_ERRORS)[number];
  /** Embedded: entries on this node's disk when it was opened, the last of them possibly not acknowledged. */
  readonly heldAtOpening?: number;
  /** Transactions waiting in the durable outbox. */
  readonly outbox: number;
  /** The first of them that was tried in vain. */
  readonly waiting?: WaitingRecord;
}

export interface WaitingRecord {
  /** Of its first failure; UTC with Z. */
  readonly since: string;
  /** Why the latest try failed. */
  readonly code: (typeof LEDGER_ERRORS)[number];
  readonly signer: string;
  readonly type: string;
  readonly id: string;
}

export interface Ledger {
  /**
   * Resolves, in input order, once every transaction is acknowledged: fsynced at the sequencer and cosigned by the
   * quorum (embedded), or committed valid (Fabric), and applied to this node's replica. Resubmitting a transaction
   * with the same id and content resolves with its first entry. Throws LedgerError; a rejected transaction carries
   * the contract's code and leaves the others of the batch in place.
   */
  submit(transactions: readonly SignedTransaction[]): Promise<readonly LedgerEntry[]>;
  /** State written by the contract, as of `status().height`. */
  get<T = unknown>(key: string): Promise<T | undefined>;
  range<T = unknown>(prefix: string): AsyncIterable<readonly [key: string, value: T]>;
  /** Acknowledged entries from `from` on; ends at the present height. */
  entries(from: number, limit?: number): AsyncIterable<LedgerEntry>;
  /** Acknowledged entries from `from` on, then every later one as it comes, until the signal aborts. */
  follow(from: number, signal: AbortSignal): AsyncIterable<LedgerEntry>;
  prove(position: number): Promise<LedgerProof>;
  status(): Promise<LedgerStatus>;
  close(): Promise<void>;
}

export const LEDGER_ERRORS = [
  "ERR_LEDGER_REJECTED",
  "ERR_LEDGER_UNREACHABLE",
  "ERR_LEDGER_NO_QUORUM",
  "ERR_LEDGER_FORK",
  "ERR_LEDGER_CORRUPT",
  "ERR_LEDGER_FULL",
  "ERR_LEDGER_QUOTA",
  "ERR_LEDGER_CLOSED",
  /** Fabric: the connection profile is wrong, or it leads to another network, channel or contract. */
  "ERR_LEDGER_PROFILE",
  /** The network was founded under rules whose state this version does not read. */
  "ERR_LEDGER_FORM",
] as const;

export class LedgerError extends Error {
  override readonly name = "LedgerError";
  readonly code: (typeof LEDGER_ERRORS)[number];
  /** The contract's reason code and field, when code is ERR_LEDGER_REJECTED. */
  readonly rejection: { readonly code: string; readonly field?: string; readonly index: number } | undefined;

  constructor(
    code: (typeof LEDGER_ERRORS)[number],
    message: string,
    options: { cause?: unknown; rejection?: LedgerError["rejection"] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.rejection = options.rejection;
  }
}
