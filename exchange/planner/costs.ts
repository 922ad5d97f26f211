/**
 * What estimates are made of. Bytes follow from the form of the messages (docs/protocol.md section 5), measured once and
 * checked by tests. Seconds were measured on a network of nodes that had answered a request before (`npm run bench -- plan`),
 * on the machine that the yardstick took `YARDSTICK_SECONDS` on; another machine's are in proportion (docs/decisions/451).
 */
import type { SuiteId } from "../../crypto/suites/suite.ts";

/** Characters of JSON. Of messages that grow with members: of one of them. */
export interface MessageBytes {
  readonly keys: number;
  /** For each member that a member keeps shares for. */
  readonly share: number;
  readonly box: number;
  /** For each neighbour and phase; a member gives to half of its neighbours and gets from the other half. */
  readonly seed: number;
}

export const MESSAGE_BYTES: Readonly<Record<SuiteId, MessageBytes>> = {
  intl: { keys: 771, share: 263, box: 730, seed: 0 },
  gm: { keys: 951, share: 284, box: 751, seed: 0 },
  "intl-pq": { keys: 7069, share: 1757, box: 2224, seed: 1810 },
};

export const FIXED_BYTES = {
  shares: 525,
  accept: 465,
  receipt: 437,
  contribution: 549,
  view: 447,
  viewTag: 25,
  shownView: 386,
  unmask: 522,
  unmaskShare: 282,
  /** In the mask set, of each member. */
  answer: 395,
  reveal: 560,
  recovered: 138,
  fingerprint: 600,
  /** In the transcript for R, of each member, beside its keys. */
  contributed: 430,
  pathStep: 46,
  /** Around a message, and of an answer without one. */
  envelope: 70,
} as const;

/** Processor seconds of all nodes together. */
export interface Seconds {
  /** For each member: the request's way through its node, its ledger and its disk. */
  readonly perMember: number;
  /** For each member that another one keeps shares for. */
  readonly perPair: number;
}

export const SUITE_SECONDS: Readonly<Record<SuiteId, Readonly<Record<"registry" | "counted", Seconds>>>> = {
  intl: { registry: { perMember: 0.122, perPair: 0.001 }, counted: { perMember: 0.155, perPair: 0.0014 } },
  "intl-pq": { registry: { perMember: 0.13, perPair: 0.0026 }, counted: { perMember: 0.155, perPair: 0.0035 } },
  gm: { registry: { perMember: 0.315, perPair: 0.019 }, counted: { perMember: 0.385, perPair: 0.02 } },
};

/** For each member, beside what a mask costs: keys, a worker, ciphertexts. */
export const SEALING_SECONDS = 0.18;
/** For each member and cell: codes in documents, the query over the table. */
export const CELL_SECONDS = 1.4e-4;
/** For each member and word: on its way as text. */
export const WORD_SECONDS = 5e-8;
/** For each pair and word: mask streams. */
export const MASK_SECONDS = 1e-8;

/** Around the blobs of an encrypted query, and of its answer: what is signed of it. */
export const QUERY_CALL_BYTES = 900;
/** Of an encrypted query, whatever is in it: three workers with the library and its tables; records, a table read. */
export const QUERY_CALL_SECONDS = 3.4;
/** For each figure in it: encryption, product, decryption. */
export const QUERY_LIST_SECONDS = 0.03;
/** Of either side of a join: commitments, states, releases. */
export const JOIN_CALL_BYTES = 500;
/** Of a join, whatever is in it: workers, records, a table read. */
export const JOIN_RUN_SECONDS = 0.6;
/** For each item of either list: to the curve, masked by both. */
export const JOIN_ITEM_SECONDS = 4.2e-4;

/** What `yardstick` takes where the figures above are from. */
export const YARDSTICK_SECONDS = 0.02;
