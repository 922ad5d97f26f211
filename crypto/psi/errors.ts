/** Problems of private set intersection. None names an item, a value or a key. */
const PSI_ERRORS = [
  /** An own item or value that cannot take part: empty, too long, twice, out of its bounds. */
  "ERR_PSI_INPUT",
  /** Not a message of the protocol. */
  "ERR_PSI_MESSAGE",
  /** More items, or a larger message, than were announced or are ever allowed. */
  "ERR_PSI_SIZE",
  /** A stream that ends early, goes on too long, or whose pieces or items are out of order; an item that comes twice. */
  "ERR_PSI_STREAM",
  /** Not the x-coordinate of a point of the curve. */
  "ERR_PSI_POINT",
  /** What came is not what was committed to. */
  "ERR_PSI_COMMITMENT",
  /** A group below the minimum, or rows that are not a group. */
  "ERR_PSI_GROUP",
  /** A worker ended. */
  "ERR_PSI_FAILED",
] as const;

export type PsiErrorCode = (typeof PSI_ERRORS)[number];

export class PsiError extends Error {
  override readonly name = "PsiError";
  readonly code: PsiErrorCode;

  constructor(code: PsiErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
