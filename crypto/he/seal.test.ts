/**
 * Ours against SEAL, an implementation of others: keys of its making, ciphertexts of either read by the other, to the bit.
 * SEAL's plain modulus has 60 bits at most, 2^59: it reads the highest 59 of our 75, words that are multiples of 2^16.
 * It keeps one more prime, for keys only, which the level of security it enforces has no room for; here it enforces none.
 */
import initialize from "node-seal";
import { expect, test } from "vitest";
import { addedUp, random } from "./_envelope.ts";
import { type BlobForm, PLAINTEXT_PREFIX_BYTES, PREFIX_BYTES, plaintextBlob, prefixOf } from "./blobs.ts";
import { newPairs, residuesOf } from "./pairs.ts";
import { parametersFor } from "./parameters.ts";
import { lifted, ringOf } from "./ring.ts";
import { openDecryption, openEncryption } from "./scheme.ts";

const seal = await initialize();
const set = parametersFor(1000);
const { degree, primes } = set;
const KEY_PRIME = 66_961_409;
const SHIFT = 16n;

const parameters = new seal.EncryptionParameters(seal.SchemeType.bfv);
parameters.setPolyModulusDegree(degree);
const moduli = new seal.VectorModulus();
for (const prime of [...primes, KEY_PRIME]) moduli.push_back(new seal.Modulus(BigInt(prime)));
parameters.setCoeffModulus(moduli);
parameters.setPlainModulus(new seal.Modulus(1n << (BigInt(set.plainBits) - SHIFT)));
const context = new seal.SEALContext(parameters, true, seal.SecLevelType.none);
const generator = new seal.KeyGenerator(context);
const sealKey = generator.createPublicKey();
const encryptor = new seal.Encryptor(context, sealKey);
const decryptor = new seal.Decryptor(context, generator.secretKey());
const evaluator = new seal.Evaluator(context);

const saved = (object: { saveToArray(mode: unknown): unknown }) =>
  object.saveToArray(seal.ComprModeType.none) as Uint8Array;
const residuesAt = (blob: Uint8Array, prefix: number): number[] =>
  Array.from(new BigUint64Array(Uint8Array.from(blob.subarray(prefix)).buffer), Number);

/** SEAL's residues without those of its own prime. */
function ourPair(kind: "ciphertext" | "public key", residues: readonly number[]): Uint8Array {
  const pair = newPairs(set, kind, 1);
  const perPolynomial = residues.length / 2;
  residuesOf(pair).set([
    ...residues.slice(0, primes.length * degree),
    ...residues.slice(perPolynomial, perPolynomial + primes.length * degree),
  ]);
  return pair;
}

const publicKey = ourPair("public key", residuesAt(saved(sealKey), PREFIX_BYTES));
const secretKey = secretOf(residuesAt(saved(generator.secretKey()), PLAINTEXT_PREFIX_BYTES));

/** Its values at the roots are the same as ours: the least root, in bit-reversed order. */
function secretOf(values: readonly number[]): Uint8Array {
  const [prime] = primes as [number];
  const ring = ringOf(degree, prime);
  const x = Float64Array.from(values.slice(0, degree), (value) => value - (value > prime / 2 ? prime : 0));
  ring.inverse(x);
  const perDegree = ring.constant(BigInt(prime) - BigInt((prime - 1) / degree));
  return Uint8Array.from(x, (value) => {
    const coefficient = lifted(value * perDegree, prime, ring.perPrime);
    return coefficient === prime - 1 ? 2 : coefficient;
  });
}

const dataForm = (isNtt: boolean): BlobForm => {
  const id = context.firstParmsId().values() as BigUint64Array;
  const parmsId = Buffer.from(new Uint8Array(BigUint64Array.from(id).buffer)).toString("hex");
  return { parmsId, degree, moduli: primes.map(BigInt), isNtt };
};

function sealCiphertext(pair: Uint8Array) {
  const residues = BigUint64Array.from(residuesOf(pair), BigInt);
  const blob = Uint8Array.from([...prefixOf(dataForm(true)), ...new Uint8Array(residues.buffer)]);
  const ciphertext = new seal.Ciphertext();
  ciphertext.loadFromArray(context, blob);
  evaluator.cipherTransformFromNttInplace(ciphertext);
  return ciphertext;
}

function readBySeal(pair: Uint8Array): bigint[] {
  const plain = new seal.Plaintext();
  decryptor.decrypt(sealCiphertext(pair), plain);
  const words = new BigUint64Array(degree);
  new Uint8Array(words.buffer).set(saved(plain).subarray(PLAINTEXT_PREFIX_BYTES));
  return [...words];
}

const words = (salt: bigint) =>
  BigUint64Array.from({ length: degree }, (_, i) => BigInt.asUintN(48, (BigInt(i) + salt) * 0x9e37_79b9_7f4a_7c15n));
const [a, b] = [words(1n), words(77n)];
const encrypt = openEncryption(set, publicKey, random);
const { decrypt } = openDecryption(set, secretKey);
const shifted = (some: BigUint64Array) => some.map((word) => word << SHIFT);
const wanted = [...a].map((word, i) => word + b[i]!);

test("what we encrypt and add under SEAL's key, SEAL decrypts", () => {
  const sum = addedUp(set, [encrypt(shifted(a)), encrypt(shifted(b))]);
  expect(readBySeal(sum)).toEqual(wanted);
});

test("what SEAL encrypts and adds, we decrypt", () => {
  const [one, other] = [a, b].map((some) => {
    const plain = new seal.Plaintext();
    plain.loadFromArray(context, plaintextBlob(some));
    const ciphertext = new seal.Ciphertext();
    encryptor.encrypt(plain, ciphertext);
    return ciphertext;
  });
  evaluator.addInplace(one!, other!);
  evaluator.cipherTransformToNttInplace(one!);
  const pair = ourPair("ciphertext", residuesAt(saved(one!), PREFIX_BYTES));
  const read = decrypt(pair, degree);
  const sums = [...read.words].map((word, i) => word + (BigInt(read.carries[i]!) << 64n));
  expect(sums).toEqual(wanted.map((sum) => sum << SHIFT));
});

test("SEAL's budget for what we encrypt is that of our bound, and as much as SEAL's own is left of it", () => {
  const ours = decryptor.invariantNoiseBudget(sealCiphertext(encrypt(shifted(a))));
  const fresh = new seal.Ciphertext();
  encryptor.encryptZero(fresh);
  const theirs = decryptor.invariantNoiseBudget(fresh);
  // SEAL rounds its one prime away, which leaves less noise than 21·(2N + 1), 18 bits.
  expect(ours).toBeGreaterThanOrEqual(104 - 59 - 1 - 18 - 1);
  expect(ours).toBeLessThanOrEqual(theirs);
});
