/**
 * C and R together, with colluding members: C hands R one member's ciphertext instead of the sum, and R decrypts it. Masks
 * are those of the second phase: one of each member's own, which a run tells R, and one for each pair of members.
 */
import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { applyMask } from "../secagg/masks.ts";
import { arithmeticOf } from "../secagg/words.ts";
import { envelopeOf } from "./_envelope.ts";
import { parametersFor } from "./parameters.ts";

const VALUES: readonly bigint[] = [11n, 22n, 33n, 424_242n, 55n, 66n, 77n];
const VICTIM = 3;
const members = VALUES.map((_, member) => member);
const arithmetic = arithmeticOf([1]);
const selfKeys = members.map(() => randomBytes(32));
const pairKeys = new Map(
  members.flatMap((low) => members.slice(low + 1).map((high) => [`${low} ${high}`, randomBytes(32)] as const)),
);

const set = parametersFor(VALUES.length);
const { add, decrypt, encrypt } = envelopeOf(set);
const read = (bytes: Uint8Array): BigUint64Array => decrypt(bytes, 1).words;

function turnPairMasks(words: BigUint64Array, member: number, others: readonly number[], on: boolean): void {
  for (const other of others) {
    const [low, high] = member < other ? [member, other] : [other, member];
    const direction = (member === low) === on ? "add" : "subtract";
    applyMask(words, pairKeys.get(`${low} ${high}`)!, direction, arithmetic);
  }
}
const othersThan = (member: number) => members.filter((one) => one !== member);

function masked(member: number): BigUint64Array {
  const words = BigUint64Array.of(VALUES[member]!);
  applyMask(words, selfKeys[member]!, "add", arithmetic);
  turnPairMasks(words, member, othersThan(member), true);
  return words;
}

test("plain BFV under the receiver's key: the receiver reads whatever single ciphertext it is handed", () => {
  const ciphertext = encrypt(BigUint64Array.of(VALUES[VICTIM]!));
  expect(read(ciphertext)[0]).toBe(VALUES[VICTIM]);
});

test.each([0, 1, 2, 3, 4, 5])(
  "ours: with %i colluding members a single ciphertext gives its value to nobody",
  (count) => {
    const colluding = othersThan(VICTIM).slice(0, count);
    const words = read(encrypt(masked(VICTIM)));
    applyMask(words, selfKeys[VICTIM]!, "subtract", arithmetic);
    turnPairMasks(words, VICTIM, colluding, false);
    expect(words[0]).not.toBe(VALUES[VICTIM]);
    // Nothing is between them and the value but the masks it shares with honest members.
    const honest = othersThan(VICTIM).filter((member) => !colluding.includes(member));
    turnPairMasks(words, VICTIM, honest, false);
    expect(words[0]).toBe(VALUES[VICTIM]);
  },
);

test("ours: the sum of all ciphertexts, decrypted once, is the sum of all values", () => {
  const sum = read(add(members.map((member) => encrypt(masked(member)))));
  for (const key of selfKeys) applyMask(sum, key, "subtract", arithmetic);
  expect(sum[0]).toBe(VALUES.reduce((total, value) => total + value, 0n));
});

describe("a weighted sum: 3 of one, 5 of another", () => {
  const WEIGHTS = [3n, 5n];
  const HELD = members.map((member) => [VALUES[member]!, 1000n * VALUES[member]! + 1n]);
  const sums = WEIGHTS.map((_, at) => HELD.reduce((total, held) => total + held[at]!, 0n));
  const weighted = WEIGHTS.reduce((total, weight, at) => total + weight * sums[at]!, 0n);
  /** C hands R what it has added up; R takes the masks off that a run tells it. */
  function handedOver(vectors: readonly BigUint64Array[]): readonly bigint[] {
    const ciphertexts = vectors.map((words, member) => {
      applyMask(words, selfKeys[member]!, "add", arithmetic);
      turnPairMasks(words, member, othersThan(member), true);
      return encrypt(words);
    });
    const { words } = decrypt(add(ciphertexts), vectors[0]!.length);
    for (const key of selfKeys) applyMask(words, key, "subtract", arithmetic);
    return [...words];
  }

  test("with the weights at the coordinator, C and R together read every sum in it", () => {
    expect(handedOver(HELD.map((held) => BigUint64Array.from(held)))).toEqual(sums);
  });

  test("ours: with the weights in front of the masks, there is nothing else to read", () => {
    const own = (held: readonly bigint[]) => WEIGHTS.reduce((total, weight, at) => total + weight * held[at]!, 0n);
    expect(handedOver(HELD.map((held) => BigUint64Array.of(own(held))))).toEqual([weighted]);
  });
});
