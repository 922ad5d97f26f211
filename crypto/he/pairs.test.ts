import { zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { envelopeOf } from "./_envelope.ts";
import { assertCiphertext, assertPublicKey, pairBytes } from "./pairs.ts";
import { parametersFor } from "./parameters.ts";

const set = parametersFor(2);
const { publicKey, encrypt } = envelopeOf(set);
const good = encrypt(BigUint64Array.of(1n, 2n));
const WANTED = /^ciphertext: wanted 131104 bytes/;
const HALF = 32 + 4 * 4 * 4096;

function changed(change: (view: DataView) => void): Uint8Array {
  const copy = good.slice();
  change(new DataView(copy.buffer));
  return copy;
}

test("a ciphertext and a key pass, wherever they stand", () => {
  assertCiphertext(set, good);
  assertPublicKey(set, publicKey);
  assertCiphertext(set, Buffer.concat([Uint8Array.of(1), good]).subarray(1));
  expect(good.length).toBe(pairBytes(set));
});

test.each<readonly [string, Uint8Array, RegExp]>([
  ["nothing at all", new Uint8Array(0), WANTED],
  ["truncated", good.subarray(0, -1), WANTED],
  ["with a byte more", Buffer.concat([good, Uint8Array.of(0)]), WANTED],
  ["of 64 MiB", new Uint8Array(64 * 2 ** 20), WANTED],
  ["compressed", zstdCompressSync(good), WANTED],
  ["without its second polynomial", good.subarray(0, HALF), WANTED],
  ["of three polynomials", Buffer.concat([good, good.subarray(HALF)]), WANTED],
  ["of other parameters", changed((view) => view.setUint8(4, 56)), /name: not that of a ciphertext of bfv-4096-104-75/],
  ["with something after its name", changed((view) => view.setUint8(31, 1)), /name: not that/],
  ["with a residue that is its prime", changed((view) => view.setUint32(32, set.primes[0]!, true)), /not below/],
  ["with the prime of another place", changed((view) => view.setUint32(HALF - 4, set.primes[0]!, true)), /not below/],
  ["with the largest residue", changed((view) => view.setUint32(good.length - 4, 2 ** 32 - 1, true)), /not below/],
  ["transparent", Uint8Array.from({ length: good.length }, (_, i) => (i < HALF ? good[i]! : 0)), /second polynomial/],
])("a ciphertext %s is refused", (_, bytes, message) => {
  expect(() => assertCiphertext(set, bytes)).toThrow(expect.objectContaining({ code: "ERR_HE_BLOB" }));
  expect(() => assertCiphertext(set, bytes)).toThrow(message);
});

test("a ciphertext is no key", () => {
  expect(() => assertPublicKey(set, good)).toThrow("public key: name: not that of a public key of bfv-4096-104-75");
});

test("the largest residue of each prime passes", () => {
  set.primes.forEach((prime, at) => {
    assertCiphertext(
      set,
      changed((view) => view.setUint32(32 + 4 * 4096 * at, prime - 1, true)),
    );
  });
});
