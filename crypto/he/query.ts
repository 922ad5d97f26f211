/**
 * Encrypted queries (docs/decisions/117): a requester's coefficients c, encrypted; a provider's cells x; of Σ c·x the
 * requester learns the sum modulo t, the provider nothing. The library is handed in.
 *
 * Coefficient j of a query's plaintext is c_j. The provider multiplies by x_0 − Σ x_j·X^(N−j), so that the constant
 * coefficient of the product is Σ c_j·x_j (X^N = −1). Of the first polynomial of its answer only that coefficient leaves.
 */
import { createHash } from "node:crypto";
import type { Plaintext, SEALContext } from "node-seal";
import {
  assertForm,
  assertReduced,
  type BlobForm,
  formBytes,
  PLAINTEXT_PREFIX_BYTES,
  PREFIX_BYTES,
  plaintextBlob,
  plaintextCoefficients,
  prefixOf,
  type Seal,
} from "./blobs.ts";
import { guarded, HeError } from "./errors.ts";

/** The one set there is: 300 bits of modulus, where the standard allows 305 for this degree at 192 bits. */
export const QUERY_PARAMETERS = Object.freeze({
  id: "bfv-16384-300-59",
  degree: 16_384,
  modulusBits: 60,
  /** The last one is only in keys: encryption divides by it. */
  moduli: [0xfffffffffe38001n, 0xffffffffff28001n, 0xffffffffffc0001n, 0xffffffffffd8001n, 0xffffffffffe8001n],
  plainModulus: 1n << 59n,
});
const { degree: N, plainModulus: T, moduli: PRIMES } = QUERY_PARAMETERS;
const DATA_PRIMES = PRIMES.slice(0, -1);
const Q = DATA_PRIMES.reduce((product, prime) => product * prime, 1n);

const KEY_FORM: BlobForm = {
  parmsId: "076a9b0ce7f6fca617dd10a95b000e5e24cea47568c52110eec81da9977678f6",
  degree: N,
  moduli: PRIMES,
  isNtt: true,
};
const CIPHERTEXT_FORM: BlobForm = {
  parmsId: "cbad9e6fb376050505074e335266edd5e99dac4ad221f35a8a8b9f4dbb20e06f",
  degree: N,
  moduli: DATA_PRIMES,
  isNtt: false,
};

/** Cells of one query. Two places beyond them are the provider's own (see `multiplier`). */
export const MOST_CELLS = N / 2;
/** |Σ c·x| must stay below this, and so must every |x|. */
export const LARGEST_VALUE = T / 2n;

/**
 * Bits of the uniform noise that hides all other noise: from -q/(4t) to q/(4t), where all noise may be below q/(2t).
 * Decryption in the library is exact up to 2^-58 of that.
 */
export const FLOOD_BITS = (Q / (2n * T)).toString(2).length;
/**
 * Bits that one answer can tell of the cells, whoever asks and however the key, the ciphertexts and what is read were
 * made: a number modulo q, of which the flood takes the rest.
 */
export const MOST_BITS_TOLD = Math.ceil(Math.log2(Number(Q)) - FLOOD_BITS);

/** Errors of the library are at most 21 (docs/decisions/113): e·u + e1 + e2·s, and what rounding hides. */
const FRESH_NOISE = 21n * (2n * BigInt(N) + 1n) + BigInt(N);
/** The worst noise of an answer without flooding: a query times N coefficients of at most t/2, and an encryption of zero. */
export const LARGEST_ANSWER_NOISE = BigInt(N) * (FRESH_NOISE + 1n) * LARGEST_VALUE + FRESH_NOISE;

/** What every list begins with. */
export const QUERY_PREFIX = prefixOf(CIPHERTEXT_FORM);
export const QUERY_BYTES = formBytes(CIPHERTEXT_FORM);
/** The first polynomial of the key. */
export const QUERY_KEY_BYTES = 8 * PRIMES.length * N;
/** One coefficient of the first polynomial, and the whole second one. */
export const ANSWER_BYTES = 8 * DATA_PRIMES.length * (1 + N);

interface EncryptedQuery {
  /** Its first polynomial; the second follows from the seed. */
  readonly publicKey: Uint8Array;
  /** One answer; then it is to be erased. */
  readonly secretKey: Uint8Array;
  /** One for each list of coefficients. */
  readonly queries: readonly Uint8Array[];
}

/** A key for these lists alone. `seed`: what both sides know this query by. Coefficients are signed and below t/2. */
export const encryptQueries = (seal: Seal, seed: Uint8Array, lists: readonly (readonly bigint[])[]): EncryptedQuery =>
  guarded(() => {
    using context = contextOf(seal);
    using generator = new seal.KeyGenerator(context);
    using drawn = generator.createPublicKey();
    using secretKey = generator.secretKey();
    const secret = blobOf(seal, secretKey);
    const publicKey = withSecond(blobOf(seal, drawn), secret, secondOf(seed));
    using key = new seal.PublicKey();
    key.loadFromArray(context, keyBlob(publicKey, seed));
    using encryptor = new seal.Encryptor(context, key);
    const queries = lists.map((list) => {
      if (list.length > MOST_CELLS) throw new HeError("ERR_HE_VECTOR", `coefficients: at most ${MOST_CELLS}`);
      using plain = plaintextOf(seal, context, list);
      using query = new seal.Ciphertext();
      encryptor.encrypt(plain, query);
      return blobOf(seal, query);
    });
    return { publicKey, secretKey: secret, queries };
  });

/** What was asked, as bytes from somebody else. */
interface AskedBytes {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly queries: readonly Uint8Array[];
}

/** Of what somebody else sends as its key: the first polynomial. Throws ERR_HE_BLOB. */
export function assertQueryKey(publicKey: Uint8Array): void {
  if (publicKey.length !== QUERY_KEY_BYTES) {
    throw new HeError("ERR_HE_BLOB", `public key: wanted ${QUERY_KEY_BYTES} bytes, got ${publicKey.length}`);
  }
  assertReduced(KEY_FORM, "public key", publicKey);
}

/** Of one list of coefficients as it was encrypted. Throws ERR_HE_BLOB. */
export const assertQuery = (query: Uint8Array): void =>
  assertForm(CIPHERTEXT_FORM, "ciphertext", QUERY_PARAMETERS.id, query);

/** The whole key. Throws ERR_HE_BLOB before the library sees a byte of what is none. */
function checkedKey({ seed, publicKey, queries }: AskedBytes): Uint8Array {
  assertQueryKey(publicKey);
  const key = keyBlob(publicKey, seed);
  assertForm(KEY_FORM, "public key", QUERY_PARAMETERS.id, key);
  for (const query of queries) assertQuery(query);
  return key;
}

/** `random` floods: it must be uniform. Cells are signed and below t/2. */
export function answerQueries(
  seal: Seal,
  asked: AskedBytes & { readonly cells: readonly bigint[] },
  random: (bytes: number) => Uint8Array,
): Uint8Array[] {
  const { queries, cells } = asked;
  const keyBytes = checkedKey(asked);
  if (cells.length > MOST_CELLS)
    throw new HeError("ERR_HE_VECTOR", `cells: at most ${MOST_CELLS}, got ${cells.length}`);
  return guarded(() => {
    using context = contextOf(seal);
    using key = new seal.PublicKey();
    key.loadFromArray(context, keyBytes);
    using encryptor = new seal.Encryptor(context, key);
    using evaluator = new seal.Evaluator(context);
    using plain = plaintextOf(seal, context, multiplier(cells));
    return queries.map((bytes) => {
      using query = new seal.Ciphertext();
      using zero = new seal.Ciphertext();
      query.loadFromArray(context, bytes);
      evaluator.multiplyPlainInplace(query, plain);
      // Its second polynomial, which is the query's times the cells, becomes a fresh sample of ring-LWE.
      encryptor.encryptZero(zero);
      evaluator.addInplace(query, zero);
      return onlyConstant(blobOf(seal, query), flooding(random));
    });
  });
}

/** What each answer says: Σ c·x modulo t, between −t/2 and t/2. */
export function readAnswers(seal: Seal, secretKey: Uint8Array, answers: readonly Uint8Array[]): bigint[] {
  if (answers.some(({ length }) => length !== ANSWER_BYTES)) {
    throw new HeError("ERR_HE_BLOB", `answer: wanted ${ANSWER_BYTES} bytes`);
  }
  return guarded(() => {
    using context = contextOf(seal);
    using key = new seal.SecretKey();
    key.loadFromArray(context, secretKey);
    using decryptor = new seal.Decryptor(context, key);
    return answers.map((answer) => {
      const bytes = whole(answer);
      assertForm(CIPHERTEXT_FORM, "ciphertext", QUERY_PARAMETERS.id, bytes);
      using ciphertext = new seal.Ciphertext();
      using plain = new seal.Plaintext();
      ciphertext.loadFromArray(context, bytes);
      decryptor.decrypt(ciphertext, plain);
      const [constant = 0n] = plaintextCoefficients({ degree: N }, blobOf(seal, plain));
      return constant >= T / 2n ? constant - T : constant;
    });
  });
}

/**
 * The second polynomial of the key: uniform, and nobody's choice. One that the requester made could be short or zero, and
 * an answer's second polynomial, which it hides, would be readable. Modulo each prime its coefficients are the 60-bit
 * numbers below it in what SHAKE-256 gives for the parameters, the seed and the prime's place.
 */
function secondOf(seed: Uint8Array): BigUint64Array {
  const coefficients = new BigUint64Array(PRIMES.length * N);
  for (const [at, prime] of PRIMES.entries()) {
    const stream = createHash("shake256", { outputLength: 8 * (N + SPARE_WORDS) })
      .update(`sealane/query-key/v1\n${QUERY_PARAMETERS.id}\n${at}\n`)
      .update(seed)
      .digest();
    let written = 0;
    for (let word = 0; written < N && word < N + SPARE_WORDS; word++) {
      const number = BigInt.asUintN(QUERY_PARAMETERS.modulusBits, stream.readBigUInt64LE(8 * word));
      if (number < prime) coefficients[at * N + written++] = number;
    }
    if (written < N) throw new HeError("ERR_HE_FAILED", "the seed of the key gives too few numbers");
  }
  return coefficients;
}
/** Of 2^34 numbers one is not below its prime. */
const SPARE_WORDS = 64;

/** The first polynomial for another second one, with the same secret and the same error: b' + (a' - a)·s. */
function withSecond(drawn: Uint8Array, secretKey: Uint8Array, second: BigUint64Array): Uint8Array {
  const key = wordsFrom(drawn, PREFIX_BYTES);
  const secret = wordsFrom(secretKey, PLAINTEXT_PREFIX_BYTES);
  const first = new BigUint64Array(PRIMES.length * N);
  for (const [at, prime] of PRIMES.entries()) {
    for (let i = at * N; i < (at + 1) * N; i++) {
      const moved = (key[first.length + i]! + prime - second[i]!) * secret[i]!;
      first[i] = (key[i]! + moved) % prime;
    }
  }
  return new Uint8Array(first.buffer);
}

const wordsFrom = (bytes: Uint8Array, at: number): BigUint64Array =>
  new BigUint64Array(Uint8Array.from(bytes.subarray(at)).buffer);

function keyBlob(first: Uint8Array, seed: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(formBytes(KEY_FORM));
  bytes.set(prefixOf(KEY_FORM));
  bytes.set(first, PREFIX_BYTES);
  bytes.set(new Uint8Array(secondOf(seed).buffer), PREFIX_BYTES + QUERY_KEY_BYTES);
  return bytes;
}

/**
 * Two places beyond the cells are 1, where honest coefficients are zero: so it is never zero and never one monomial,
 * which the library treats otherwise, and faster.
 */
function multiplier(cells: readonly bigint[]): bigint[] {
  const [first = 0n, ...others] = cells;
  const coefficients = new Array<bigint>(N).fill(0n);
  coefficients[0] = first;
  for (const [i, cell] of others.entries()) coefficients[N - 1 - i] = -cell;
  coefficients[1] = 1n;
  coefficients[2] = 1n;
  return coefficients;
}

function plaintextOf(seal: Seal, context: SEALContext, values: readonly bigint[]): Plaintext {
  const coefficients = new BigUint64Array(N);
  for (const [i, value] of values.entries()) {
    if (value >= LARGEST_VALUE || value <= -LARGEST_VALUE) {
      throw new HeError("ERR_HE_VECTOR", `place ${i}: wanted a number below ${LARGEST_VALUE} either way`);
    }
    coefficients[i] = value < 0n ? value + T : value;
  }
  const plain = new seal.Plaintext();
  plain.loadFromArray(context, plaintextBlob(coefficients));
  return plain;
}

/** Uniform over 2^FLOOD_BITS numbers around zero. */
function flooding(random: (bytes: number) => Uint8Array): bigint {
  const bits = BigInt(FLOOD_BITS);
  const bytes = random(Math.ceil(FLOOD_BITS / 8));
  const number = bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return BigInt.asUintN(FLOOD_BITS, number) - (1n << (bits - 1n));
}

/** Place of a coefficient of a polynomial modulo one of the primes. */
const placeOf = (polynomial: number, prime: number): number =>
  PREFIX_BYTES + 8 * N * (polynomial * DATA_PRIMES.length + prime);

/** All other coefficients of the first polynomial are other sums of the cells: they stay here. */
function onlyConstant(ciphertext: Uint8Array, flood: bigint): Uint8Array {
  const answer = new Uint8Array(ANSWER_BYTES);
  const from = new DataView(ciphertext.buffer, ciphertext.byteOffset, ciphertext.byteLength);
  const into = new DataView(answer.buffer);
  for (const [i, prime] of DATA_PRIMES.entries()) {
    const value = (from.getBigUint64(placeOf(0, i), true) + (flood % prime) + prime) % prime;
    into.setBigUint64(8 * i, value, true);
  }
  answer.set(ciphertext.subarray(placeOf(1, 0)), 8 * DATA_PRIMES.length);
  return answer;
}

function whole(answer: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(QUERY_BYTES);
  bytes.set(prefixOf(CIPHERTEXT_FORM));
  for (const i of DATA_PRIMES.keys()) bytes.set(answer.subarray(8 * i, 8 * i + 8), placeOf(0, i));
  bytes.set(answer.subarray(8 * DATA_PRIMES.length), placeOf(1, 0));
  return bytes;
}

const blobOf = (seal: Seal, object: { saveToArray(mode: typeof seal.ComprModeType.none): unknown }): Uint8Array =>
  object.saveToArray(seal.ComprModeType.none) as Uint8Array;

/** 192-bit security is enforced by the library (60 bits of it may be told), and its parameters are the listed ones to the bit. */
function contextOf(seal: Seal): SEALContext {
  using parameters = new seal.EncryptionParameters(seal.SchemeType.bfv);
  using primes = seal.CoeffModulus.Create(
    N,
    Int32Array.from(PRIMES, () => QUERY_PARAMETERS.modulusBits),
  );
  using plain = new seal.Modulus(T);
  parameters.setPolyModulusDegree(N);
  parameters.setCoeffModulus(primes);
  parameters.setPlainModulus(plain);
  const context = new seal.SEALContext(parameters, true, seal.SecLevelType.tc192);
  using id = context.firstParmsId();
  const hex = Array.from(id.values() as BigUint64Array, (word) =>
    word.toString(16).padStart(16, "0").match(/../g)!.reverse().join(""),
  ).join("");
  if (!context.parametersSet() || hex !== CIPHERTEXT_FORM.parmsId) {
    context.delete();
    throw new HeError("ERR_HE_PARAMETERS", `${QUERY_PARAMETERS.id}: the library takes it for other parameters`);
  }
  return context;
}
