/**
 * BFV (Fan and Vercauteren 2012) as far as sums need it: keys, encryption of words, decryption; adding is in
 * ciphertexts.ts. Modulo each prime on its own (Bajard, Eynard, Hasan and Zucca 2016), and polynomials stay values at the
 * roots, which neither sums nor the products of the scheme need to leave. Held against SEAL both ways: seal.test.ts.
 */
import { assertCiphertexts, ciphertextsIn } from "./ciphertexts.ts";
import { guarded, HeError } from "./errors.ts";
import { assertPublicKey, newPairs, residuesOf } from "./pairs.ts";
import { ciphertextsFor, type ParameterSet } from "./parameters.ts";
import { createDecoder, createEncoder, type SummedWords } from "./plaintexts.ts";
import { lifted, type Ring, ROUNDING, reduce, ringOf } from "./ring.ts";
import { binomial, type RandomBytes, ternary, uniform } from "./sampling.ts";

export interface HeKeyPair {
  readonly publicKey: Uint8Array;
  /** A byte for each coefficient: 0, 1, or 2 for -1. */
  readonly secretKey: Uint8Array;
}

const known = new Map<string, readonly Ring[]>();

/** Tables take some milliseconds: once in a thread. */
function ringsOf({ id, degree, primes }: ParameterSet): readonly Ring[] {
  const rings = known.get(id) ?? primes.map((prime) => ringOf(degree, prime));
  known.set(id, rings);
  return rings;
}

const ofPart = (residues: Uint32Array, { degree, primes }: ParameterSet, polynomial: 0 | 1, at: number) =>
  residues.subarray((polynomial * primes.length + at) * degree, (polynomial * primes.length + at + 1) * degree);

/** For one computation and one decryption. */
export const createHeKeys = (set: ParameterSet, random: RandomBytes): HeKeyPair =>
  guarded(() => {
    const secret = new Int8Array(set.degree);
    const error = new Int8Array(set.degree);
    ternary(random, secret);
    binomial(random, error);
    const publicKey = newPairs(set, "public key", 1);
    const residues = residuesOf(publicKey);
    for (const [at, ring] of ringsOf(set).entries()) {
      const first = ofPart(residues, set, 0, at);
      const second = ofPart(residues, set, 1, at);
      uniform(random, second, ring.prime);
      const s = Float64Array.from(secret);
      const e = Float64Array.from(error);
      ring.forward(s);
      ring.forward(e);
      const { prime, perPrime } = ring;
      for (let i = 0; i < set.degree; i++) {
        const product = reduce(second[i]! * reduce(s[i]!, prime, perPrime), prime, perPrime);
        first[i] = lifted(-(product + e[i]!), prime, perPrime);
      }
      s.fill(0);
      e.fill(0);
    }
    const secretKey = Uint8Array.from(secret, (coefficient) => (coefficient + 3) % 3);
    secret.fill(0);
    error.fill(0);
    return { publicKey, secretKey };
  });

/** Ciphertexts of all words, one after another. Throws ERR_HE_BLOB where the key is not one of the set. */
export function openEncryption(set: ParameterSet, publicKey: Uint8Array, random: RandomBytes) {
  assertPublicKey(set, publicKey);
  const { degree } = set;
  const rings = ringsOf(set);
  const key = residuesOf(publicKey);
  const keys = rings.map((ring, at) =>
    ([0, 1] as const).map((polynomial) =>
      Float64Array.from(ofPart(key, set, polynomial, at), (residue) => reduce(residue, ring.prime, ring.perPrime)),
    ),
  );
  const encoder = createEncoder(set, rings);
  const mask = new Int8Array(degree);
  const errors = [new Int8Array(degree), new Int8Array(degree)] as const;
  const u = new Float64Array(degree);
  const x = new Float64Array(degree);

  return (words: BigUint64Array): Uint8Array<ArrayBuffer> =>
    guarded(() => {
      const chunk = newPairs(set, "ciphertext", ciphertextsFor(set, words.length));
      for (const [place, one] of ciphertextsIn(set, chunk).entries()) {
        encryptOne(words.subarray(place * degree, (place + 1) * degree), residuesOf(one));
      }
      return chunk;
    });

  /** u, e1 and e2 are new for each. */
  function encryptOne(words: BigUint64Array, residues: Uint32Array): void {
    ternary(random, mask);
    for (const error of errors) binomial(random, error);
    encoder.take(words);
    for (const [at, ring] of rings.entries()) {
      u.set(mask);
      ring.forward(u);
      for (const polynomial of [0, 1] as const) {
        x.set(errors[polynomial]);
        if (polynomial === 0) encoder.addTo(x, at);
        ring.forward(x);
        multiplyAdd(ring, u, keys[at]![polynomial]!, x, ofPart(residues, set, polynomial, at));
      }
    }
  }
}

/** target = a·b + c, from 0 to p - 1; a and c within 4p of zero, b within p/2. */
function multiplyAdd(ring: Ring, a: Float64Array, b: Float64Array, c: Float64Array, target: Uint32Array): void {
  const { prime, perPrime } = ring;
  for (let i = 0; i < target.length; i++) {
    const product = a[i]! * b[i]!;
    const total = product - (product * perPrime + ROUNDING - ROUNDING) * prime + c[i]!;
    const residue = (total - (total * perPrime + ROUNDING - ROUNDING) * prime) | 0;
    target[i] = residue + ((residue >> 31) & prime);
  }
}

export interface Decryption extends Disposable {
  /** Sums of `count` words under ciphertexts that come one after another. */
  decrypt(chunk: Uint8Array, count: number): SummedWords;
}

/** Its copy of the key is zero again when it is disposed of. Throws ERR_HE_FAILED for what is no secret key. */
export const openDecryption = (set: ParameterSet, secretKey: Uint8Array): Decryption =>
  guarded(() => {
    const { degree } = set;
    if (secretKey.length !== degree || secretKey.some((byte) => byte > 2)) {
      throw new HeError("ERR_HE_FAILED", "the secret key is none of its parameter set");
    }
    const rings = ringsOf(set);
    const secrets = rings.map((ring) => {
      const secret = Float64Array.from(secretKey, (byte) => (byte === 2 ? -1 : byte));
      ring.forward(secret);
      for (const [i, value] of secret.entries()) secret[i] = reduce(value, ring.prime, ring.perPrime);
      return secret;
    });
    const decoder = createDecoder(set, rings);
    const x = new Float64Array(degree);
    return Object.freeze({
      decrypt: (chunk: Uint8Array, count: number) =>
        guarded(() => {
          assertCiphertexts(set, chunk);
          const sums = { words: new BigUint64Array(count), carries: new Uint16Array(count) };
          for (const [place, one] of ciphertextsIn(set, chunk).entries()) {
            decryptOne(residuesOf(one));
            const [start, end] = [place * degree, Math.min((place + 1) * degree, count)];
            decoder.words({ words: sums.words.subarray(start, end), carries: sums.carries.subarray(start, end) });
          }
          return sums;
        }),
      [Symbol.dispose]() {
        for (const secret of secrets) secret.fill(0);
      },
    });

    function decryptOne(residues: Uint32Array): void {
      decoder.begin();
      for (const [at, ring] of rings.entries()) {
        phase(ring, ofPart(residues, set, 0, at), ofPart(residues, set, 1, at), secrets[at]!, x);
        ring.inverse(x);
        decoder.take(x, at);
      }
    }
  });

/** target = first + second·secret, within p/2 of zero. */
function phase(ring: Ring, first: Uint32Array, second: Uint32Array, secret: Float64Array, target: Float64Array): void {
  const { prime, perPrime } = ring;
  for (let i = 0; i < target.length; i++) {
    const total = first[i]! + second[i]! * secret[i]!;
    target[i] = total - (total * perPrime + ROUNDING - ROUNDING) * prime;
  }
}
