/** Problems of the homomorphic envelope. None says anything about a plaintext, a key or a noise budget. */
const HE_ERRORS = [
  /** No parameter set of that name, or none for so many members. */
  "ERR_HE_PARAMETERS",
  /** Not a key or ciphertext of the parameter set. */
  "ERR_HE_BLOB",
  /** A vector of another length, or one where none may follow. */
  "ERR_HE_VECTOR",
  /** This key has decrypted its one sum. */
  "ERR_HE_KEY_SPENT",
  /** Whatever else went wrong inside the library or its worker; the cause is kept to itself. */
  "ERR_HE_FAILED",
] as const;

export type HeErrorCode = (typeof HE_ERRORS)[number];

export class HeError extends Error {
  override readonly name = "HeError";
  readonly code: HeErrorCode;

  constructor(code: HeErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** An operation of the library: of its failures only the fact is told, because why a decryption fails tells of the key. */
export function guarded<T>(operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (error instanceof HeError) throw error;
    throw new HeError("ERR_HE_FAILED", "the homomorphic operation failed");
  }
}
