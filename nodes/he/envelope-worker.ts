/** A worker for one role of homomorphic encryption (envelope-tasks.ts). */
import { randomBytes } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { ciphertextsIn } from "../../crypto/he/ciphertexts.ts";
import { guarded, HeError } from "../../crypto/he/errors.ts";
import { newPairs, residuesOf } from "../../crypto/he/pairs.ts";
import { type ParameterSet, parametersNamed, wordsPerCiphertext } from "../../crypto/he/parameters.ts";
import { createHeKeys, type Decryption, openDecryption, openEncryption } from "../../crypto/he/scheme.ts";
import type { EnvelopeReply, EnvelopeTask, EnvelopeTasks, EnvelopeWorkerData } from "./envelope-tasks.ts";

/** So many compile what decrypts. */
const WARMING_CIPHERTEXTS = 12;

const { role } = workerData as EnvelopeWorkerData;
const port = parentPort!;
const work = workOf();

port.on("message", ({ id, task }: { readonly id: number; readonly task: EnvelopeTask }) => {
  try {
    const answer = guarded(() => work(task));
    port.postMessage({ id, answer } satisfies EnvelopeReply, moved(answer));
  } catch (error) {
    const { code, message } = error as HeError;
    port.postMessage({ id, refused: { code, message } } satisfies EnvelopeReply);
    if (code === "ERR_HE_FAILED") port.close();
  }
});
port.postMessage({ ready: true } satisfies EnvelopeReply);

/** Memory that nobody here needs any more. */
function moved(answer: unknown): ArrayBuffer[] {
  if (answer instanceof Uint8Array) return [answer.buffer as ArrayBuffer];
  return Object.values(answer as object).map(
    (part: Uint8Array | BigUint64Array | Uint16Array) => part.buffer as ArrayBuffer,
  );
}

function workOf(): (task: EnvelopeTask) => unknown {
  const strange = (task: EnvelopeTask): never => {
    throw new HeError("ERR_HE_FAILED", `${task.kind}: not a task of this worker`);
  };
  switch (role.kind) {
    case "keys":
      return (task) => (task.kind === "keys" ? createHeKeys(parametersNamed(role.set), random) : strange(task));
    case "encrypt": {
      const encrypt = encrypter();
      return (task) => (task.kind === "encrypt" ? encrypt(task) : strange(task));
    }
    case "decrypt": {
      const set = parametersNamed(role.set);
      const { decrypt } = openDecryption(set, role.secretKey);
      warm(set, decrypt);
      return (task) => (task.kind === "decrypt" ? decrypt(task.chunk, task.count) : strange(task));
    }
  }
}

/** It starts while the rounds before the sum run, and code that has never run is slow. */
function warm(set: ParameterSet, decrypt: Decryption["decrypt"]): void {
  const some = newPairs(set, "ciphertext", WARMING_CIPHERTEXTS);
  for (const one of ciphertextsIn(set, some)) residuesOf(one).fill(1);
  decrypt(some, WARMING_CIPHERTEXTS * wordsPerCiphertext(set));
}

function random(bytes: number): Uint8Array {
  return randomBytes(bytes);
}

/** Goes on with the key it had last: a vector is many tasks under one key. */
function encrypter() {
  let open: { readonly set: string; readonly key: Uint8Array; readonly encrypt: Encrypt } | undefined;
  return ({ set, publicKey, words }: EnvelopeTasks["encrypt"]["task"]): Uint8Array => {
    if (open === undefined || open.set !== set || Buffer.compare(open.key, publicKey) !== 0) {
      const key = Uint8Array.from(publicKey);
      open = { set, key, encrypt: openEncryption(parametersNamed(set), key, random) };
    }
    return open.encrypt(words);
  };
}
type Encrypt = ReturnType<typeof openEncryption>;
