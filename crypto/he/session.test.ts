import fc from "fast-check";
import initialize from "node-seal";
import { expect, test } from "vitest";
import { decodeElements, encodeElements, type Pattern } from "../secagg/words.ts";
import { settleCarries } from "./limbs.ts";
import { parametersFor, parametersNamed, wordsPerCiphertext } from "./parameters.ts";
import { createHeKeys, openAddSession, openDecryptSession, openEncryptSession } from "./session.ts";

const seal = await initialize();
const IDS = ["bfv-4096-60-36", "bfv-4096-60-26"];

test.each([2, 16, 17, 1000])("sums of %i full ciphertexts of the largest words are exact", (members) => {
  const set = parametersFor(members);
  const keys = createHeKeys({ seal, set });
  using encrypting = openEncryptSession({ seal, set }, keys.publicKey);
  using adding = openAddSession({ seal, set });
  using decrypting = openDecryptSession({ seal, set }, keys.secretKey);
  const words = BigUint64Array.from({ length: wordsPerCiphertext(set) }, (_, i) => 0xffff_ffff_ffff_ffffn - BigInt(i));
  // The same one again and again: no sum of ciphertexts is noisier.
  const one = encrypting.encrypt(words);
  const sum = adding.add(Array.from({ length: members }, () => one));
  const plain = decrypting.decrypt(sum, words.length);
  expect(settleCarries(plain, [1])).toEqual(words.map((word) => word * BigInt(members)));
});

test.each(IDS)("%s: decrypted sums are the plain sums, for elements of one word and of two", (id) => {
  const set = parametersNamed(id);
  const keys = createHeKeys({ seal, set });
  using encrypting = openEncryptSession({ seal, set }, keys.publicKey);
  using adding = openAddSession({ seal, set });
  using decrypting = openDecryptSession({ seal, set }, keys.secretKey);
  const elements = (pattern: Pattern) =>
    fc.tuple(
      ...pattern.map((size) =>
        fc.bigInt({ min: -(1n << (64n * BigInt(size) - 1n)), max: (1n << (64n * BigInt(size) - 1n)) - 1n }),
      ),
    );
  const worlds = fc
    .array(fc.constantFrom<1 | 2>(1, 2), { minLength: 1, maxLength: 4 })
    .chain((pattern) => fc.tuple(fc.constant(pattern), fc.array(elements(pattern), { minLength: 1, maxLength: 5 })));
  fc.assert(
    fc.property(worlds, ([pattern, members]) => {
      const ciphertexts = members.map((values) => encrypting.encrypt(encodeElements(values, pattern)));
      const words = pattern.reduce<number>((sum, size) => sum + size, 0);
      const sum = settleCarries(decrypting.decrypt(adding.add(ciphertexts), words), pattern);
      const wanted = pattern.map((size, at) =>
        BigInt.asIntN(
          64 * size,
          members.reduce((total, values) => total + values[at]!, 0n),
        ),
      );
      expect(decodeElements(sum, pattern)).toEqual(wanted);
    }),
    { numRuns: 40 },
  );
});

test("two encryptions of one vector have nothing in common", () => {
  const set = parametersFor(2);
  using encrypting = openEncryptSession({ seal, set }, createHeKeys({ seal, set }).publicKey);
  const words = BigUint64Array.of(1n, 2n, 3n);
  const all = [0, 1, 2, 3].map(() => encrypting.encrypt(words));
  expect(new Set(all.map((bytes) => Buffer.from(bytes).toString("base64"))).size).toBe(4);
  expect(new Set(all.map(({ length }) => length)).size).toBe(1);
});

test("another key reads something else, and no error says so", () => {
  const set = parametersFor(2);
  using encrypting = openEncryptSession({ seal, set }, createHeKeys({ seal, set }).publicKey);
  using decrypting = openDecryptSession({ seal, set }, createHeKeys({ seal, set }).secretKey);
  const words = BigUint64Array.of(1n, 2n, 3n);
  expect(decrypting.decrypt(encrypting.encrypt(words), 3).words).not.toEqual(words);
});
