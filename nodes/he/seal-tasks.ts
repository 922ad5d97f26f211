/** What goes between a node and its workers for homomorphic encryption. A worker is of one role and knows one key at most. */
import type { HashedCiphertext } from "../../crypto/he/contribution.ts";
import type { HeErrorCode } from "../../crypto/he/errors.ts";
import type { SummedWords } from "../../crypto/he/limbs.ts";
import type { HeKeyPair } from "../../crypto/he/session.ts";

export type SealRole =
  | { readonly kind: "keys" }
  | { readonly kind: "encrypt"; readonly publicKey: Uint8Array }
  | { readonly kind: "add" }
  | { readonly kind: "decrypt"; readonly secretKey: Uint8Array };

export interface SealWorkerData {
  readonly module: object;
  readonly maximumHeapBytes: number;
  /** Id of the parameter set. */
  readonly set: string;
  readonly role: SealRole;
}

/** Task and answer of each role; a task of another role is answered with ERR_HE_FAILED. */
export interface SealTasks {
  readonly keys: { readonly task: { readonly kind: "keys" }; readonly answer: HeKeyPair };
  readonly prepare: { readonly task: { readonly kind: "prepare"; readonly count: number }; readonly answer: null };
  readonly encrypt: {
    readonly task: { readonly kind: "encrypt"; readonly words: BigUint64Array };
    readonly answer: HashedCiphertext;
  };
  readonly add: {
    readonly task: { readonly kind: "add"; readonly ciphertexts: readonly HashedCiphertext[] };
    readonly answer: Uint8Array;
  };
  readonly decrypt: {
    readonly task: { readonly kind: "decrypt"; readonly ciphertext: Uint8Array; readonly count: number };
    readonly answer: SummedWords;
  };
}
export type SealTask = SealTasks[keyof SealTasks]["task"];
export type AnswerTo<T extends SealTask> = SealTasks[T["kind"]]["answer"];

export type SealReply =
  | { readonly ready: true }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly refused: { readonly code: HeErrorCode; readonly message: string } };
