/**
 * What goes between a node and its workers for homomorphic encryption. A worker is of one role; the one that decrypts knows
 * the one secret key it was started with, the others none.
 */
import type { HeErrorCode } from "../../crypto/he/errors.ts";
import type { SummedWords } from "../../crypto/he/plaintexts.ts";
import type { HeKeyPair } from "../../crypto/he/scheme.ts";

/** `set`: id of the parameter set. */
export type EnvelopeRole =
  | { readonly kind: "keys"; readonly set: string }
  | { readonly kind: "encrypt" }
  | { readonly kind: "decrypt"; readonly set: string; readonly secretKey: Uint8Array };

export interface EnvelopeWorkerData {
  readonly role: EnvelopeRole;
}

/** Task and answer of each role; a task of another role is answered with ERR_HE_FAILED. */
export interface EnvelopeTasks {
  readonly keys: { readonly task: { readonly kind: "keys" }; readonly answer: HeKeyPair };
  readonly encrypt: {
    readonly task: {
      readonly kind: "encrypt";
      readonly set: string;
      readonly publicKey: Uint8Array;
      readonly words: BigUint64Array;
    };
    readonly answer: Uint8Array;
  };
  readonly decrypt: {
    readonly task: { readonly kind: "decrypt"; readonly chunk: Uint8Array; readonly count: number };
    readonly answer: SummedWords;
  };
}
export type EnvelopeTask = EnvelopeTasks[keyof EnvelopeTasks]["task"];
export type AnswerTo<T extends EnvelopeTask> = EnvelopeTasks[T["kind"]]["answer"];

export type EnvelopeReply =
  | { readonly ready: true }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly refused: { readonly code: HeErrorCode; readonly message: string } };
