/** Elements of a layout vector: two's complement, low word first. */

/** `value` must lie in the signed range of `words`; the layout's overflow check guarantees it for honest data. */
export function writeElement(vector: BigUint64Array, at: number, words: 1 | 2, value: bigint): void {
  const limit = 2n ** BigInt(64 * words - 1);
  if (value >= limit || value < -limit) throw new RangeError(`element at word ${at}: ${value} exceeds ${words} words`);
  vector[at] = BigInt.asUintN(64, value);
  if (words === 2) vector[at + 1] = BigInt.asUintN(64, value >> 64n);
}

export function readElement(vector: BigUint64Array, at: number, words: 1 | 2): bigint {
  const low = vector[at]!;
  return words === 1 ? BigInt.asIntN(64, low) : BigInt.asIntN(128, low | (vector[at + 1]! << 64n));
}
