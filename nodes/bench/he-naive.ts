/**
 * Homomorphic encryption as the library's own examples have it: degree 8192 with its default moduli, a 60-bit plain modulus,
 * the batch encoder, one thread, a fresh encryption under the public key for every 8192 values; serialised to be sent.
 */
import initialize, { type Ciphertext, type Plaintext } from "node-seal";

const DEGREE = 8192;
const PLAIN_BITS = 60;

export interface NaiveScheme extends Disposable {
  readonly bits: number;
  encrypt(values: BigUint64Array): readonly Uint8Array[];
  add(left: readonly Uint8Array[], right: readonly Uint8Array[]): readonly Uint8Array[];
  decrypt(sum: readonly Uint8Array[], values: number): BigUint64Array;
}

export async function openNaiveScheme(): Promise<NaiveScheme> {
  const seal = await initialize();
  const stack = new DisposableStack();
  const parameters = stack.use(new seal.EncryptionParameters(seal.SchemeType.bfv));
  parameters.setPolyModulusDegree(DEGREE);
  parameters.setCoeffModulus(stack.use(seal.CoeffModulus.BFVDefault(DEGREE, seal.SecLevelType.tc128)));
  parameters.setPlainModulus(stack.use(seal.PlainModulus.Batching(DEGREE, PLAIN_BITS)));
  const context = stack.use(new seal.SEALContext(parameters, true, seal.SecLevelType.tc128));
  const generator = stack.use(new seal.KeyGenerator(context));
  const encryptor = stack.use(new seal.Encryptor(context, stack.use(generator.createPublicKey())));
  const decryptor = stack.use(new seal.Decryptor(context, stack.use(generator.secretKey())));
  const evaluator = stack.use(new seal.Evaluator(context));
  const encoder = stack.use(new seal.BatchEncoder(context));
  const plain: Plaintext = stack.use(new seal.Plaintext());
  const one: Ciphertext = stack.use(new seal.Ciphertext());
  const other: Ciphertext = stack.use(new seal.Ciphertext());
  const saved = (ciphertext: Ciphertext): Uint8Array => ciphertext.saveToArray(seal.ComprModeType.none);
  const pieces = (values: number) => Array.from({ length: Math.ceil(values / DEGREE) }, (_, i) => i * DEGREE);
  return {
    bits: PLAIN_BITS,
    encrypt: (values: BigUint64Array) =>
      pieces(values.length).map((start) => {
        encoder.encode(values.subarray(start, start + DEGREE), plain);
        encryptor.encrypt(plain, one);
        return saved(one);
      }),
    add: (left: readonly Uint8Array[], right: readonly Uint8Array[]) =>
      left.map((bytes, i) => {
        one.loadFromArray(context, bytes);
        other.loadFromArray(context, right[i]!);
        evaluator.addInplace(one, other);
        return saved(one);
      }),
    decrypt(sum: readonly Uint8Array[], values: number) {
      const words = new BigUint64Array(values);
      pieces(values).forEach((start, i) => {
        one.loadFromArray(context, sum[i]!);
        decryptor.decrypt(one, plain);
        const slots: BigUint64Array = encoder.decodeBigUint64(plain);
        words.set(slots.subarray(0, Math.min(DEGREE, values - start)), start);
      });
      return words;
    },
    [Symbol.dispose]: () => stack.dispose(),
  };
}
