/**
 * What each party does with one instance of the library, which is handed in. Objects of the library stay on its heap
 * until they are deleted: those made here end with their function, or with the session (`using`).
 */
import type { Ciphertext, Decryptor, Encryptor, Evaluator, MainModule, Plaintext, SEALContext } from "node-seal";
import { assertCiphertext, assertPublicKey, plaintextBlob, plaintextCoefficients } from "./blobs.ts";
import { guarded, HeError } from "./errors.ts";
import { coefficientsOf, type SummedWords, summedWords } from "./limbs.ts";
import type { ParameterSet } from "./parameters.ts";

export type Seal = MainModule;

interface Library {
  readonly seal: Seal;
  readonly set: ParameterSet;
}

const blobOf = (seal: Seal, object: { saveToArray(mode: typeof seal.ComprModeType.none): unknown }): Uint8Array =>
  object.saveToArray(seal.ComprModeType.none) as Uint8Array;

/** 128-bit security is enforced by the library, and its parameters are the listed ones to the bit. */
function contextOf({ seal, set }: Library): SEALContext {
  using parameters = new seal.EncryptionParameters(seal.SchemeType.bfv);
  using primes = seal.CoeffModulus.Create(set.degree, Int32Array.of(set.modulusBits));
  using plain = new seal.Modulus(set.plainModulus);
  parameters.setPolyModulusDegree(set.degree);
  parameters.setCoeffModulus(primes);
  parameters.setPlainModulus(plain);
  const context = new seal.SEALContext(parameters, true, seal.SecLevelType.tc128);
  using id = context.keyParmsId();
  const hex = Array.from(id.values() as BigUint64Array, hexOf).join("");
  if (!context.parametersSet() || hex !== set.parmsId) {
    context.delete();
    throw new HeError("ERR_HE_PARAMETERS", `${set.id}: the library takes it for other parameters`);
  }
  return context;
}

/** Little-endian, as it stands in a blob. */
const hexOf = (word: bigint): string => word.toString(16).padStart(16, "0").match(/../g)!.reverse().join("");

export interface HeKeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** For one computation and one decryption. */
export const createHeKeys = ({ seal, set }: Library): HeKeyPair =>
  guarded(() => {
    using context = contextOf({ seal, set });
    using generator = new seal.KeyGenerator(context);
    using publicKey = generator.createPublicKey();
    using secretKey = generator.secretKey();
    return { publicKey: blobOf(seal, publicKey), secretKey: blobOf(seal, secretKey) };
  });

/** What every session holds on to, first made first. */
class Held {
  readonly #objects: { delete(): void }[] = [];
  keep<T extends { delete(): void }>(object: T): T {
    this.#objects.push(object);
    return object;
  }
  [Symbol.dispose](): void {
    for (const object of this.#objects.splice(0).reverse()) object.delete();
  }
}

export interface EncryptSession extends Disposable {
  /** One ciphertext of at most `wordsPerCiphertext` words. */
  encrypt(words: BigUint64Array): Uint8Array;
}

/** Throws ERR_HE_BLOB where the key is not one of the set. */
export function openEncryptSession({ seal, set }: Library, publicKey: Uint8Array): EncryptSession {
  assertPublicKey(set, publicKey);
  const held = new Held();
  return guarded(() => {
    const context = held.keep(contextOf({ seal, set }));
    const key = held.keep(new seal.PublicKey());
    key.loadFromArray(context, publicKey);
    const encryptor: Encryptor = held.keep(new seal.Encryptor(context, key));
    const plain: Plaintext = held.keep(new seal.Plaintext());
    const ciphertext: Ciphertext = held.keep(new seal.Ciphertext());
    return {
      encrypt: (words: BigUint64Array) =>
        guarded(() => {
          plain.loadFromArray(context, plaintextBlob(coefficientsOf(set, words)));
          encryptor.encrypt(plain, ciphertext);
          return blobOf(seal, ciphertext);
        }),
      [Symbol.dispose]: () => held[Symbol.dispose](),
    };
  });
}

export interface AddSession extends Disposable {
  /** The sum of others' ciphertexts of one place. Throws ERR_HE_BLOB before the library sees a byte of a wrong one. */
  add(ciphertexts: readonly Uint8Array[]): Uint8Array;
}

/** Needs no key, and is given none. */
export function openAddSession({ seal, set }: Library): AddSession {
  const held = new Held();
  return guarded(() => {
    const context = held.keep(contextOf({ seal, set }));
    const evaluator: Evaluator = held.keep(new seal.Evaluator(context));
    const sum: Ciphertext = held.keep(new seal.Ciphertext());
    const next: Ciphertext = held.keep(new seal.Ciphertext());
    return {
      add: ([first, ...others]: readonly Uint8Array[]) =>
        guarded(() => {
          if (first === undefined) throw new HeError("ERR_HE_VECTOR", "ciphertexts: at least one is wanted");
          load(sum, first);
          for (const other of others) {
            load(next, other);
            evaluator.addInplace(sum, next);
          }
          return blobOf(seal, sum);
        }),
      [Symbol.dispose]: () => held[Symbol.dispose](),
    };

    function load(target: Ciphertext, ciphertext: Uint8Array): void {
      assertCiphertext(set, ciphertext);
      target.loadFromArray(context, ciphertext);
    }
  });
}

export interface DecryptSession extends Disposable {
  /** One place of the sum; `count` words of it are wanted. */
  decrypt(ciphertext: Uint8Array, count: number): SummedWords;
}

export function openDecryptSession({ seal, set }: Library, secretKey: Uint8Array): DecryptSession {
  const held = new Held();
  return guarded(() => {
    const context = held.keep(contextOf({ seal, set }));
    const key = held.keep(new seal.SecretKey());
    key.loadFromArray(context, secretKey);
    const decryptor: Decryptor = held.keep(new seal.Decryptor(context, key));
    const sum: Ciphertext = held.keep(new seal.Ciphertext());
    const plain: Plaintext = held.keep(new seal.Plaintext());
    return {
      decrypt: (ciphertext: Uint8Array, count: number) =>
        guarded(() => {
          assertCiphertext(set, ciphertext);
          sum.loadFromArray(context, ciphertext);
          decryptor.decrypt(sum, plain);
          const coefficients = plaintextCoefficients(set, blobOf(seal, plain));
          return summedWords(set, coefficients, count);
        }),
      [Symbol.dispose]: () => held[Symbol.dispose](),
    };
  });
}
