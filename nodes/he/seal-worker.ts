/** A worker with its own instance of the library, for one role (seal-tasks.ts). */
import { parentPort, workerData } from "node:worker_threads";
import { guarded, HeError } from "../../crypto/he/errors.ts";
import { parametersNamed } from "../../crypto/he/parameters.ts";
import {
  createHeKeys,
  type EncryptSession,
  openAddSession,
  openDecryptSession,
  openEncryptSession,
} from "../../crypto/he/session.ts";
import { startSeal } from "./load-seal.ts";
import type { SealReply, SealTask, SealTasks, SealWorkerData } from "./seal-tasks.ts";

const { module, maximumHeapBytes, role } = workerData as SealWorkerData;
const port = parentPort!;
const { seal } = await startSeal(module, maximumHeapBytes);
const work = workOf();

port.on("message", ({ id, task }: { readonly id: number; readonly task: SealTask }) => {
  try {
    const answer = guarded(() => work(task));
    // The library's arrays are copies of its heap: nobody else has this memory.
    const moved = answer instanceof Uint8Array && answer.byteLength === answer.buffer.byteLength;
    port.postMessage({ id, answer } satisfies SealReply, moved ? [answer.buffer as ArrayBuffer] : []);
  } catch (error) {
    const { code, message } = error as HeError;
    port.postMessage({ id, refused: { code, message } } satisfies SealReply);
    // What failed inside the library, for want of memory say, may have left it in any state.
    if (code === "ERR_HE_FAILED") port.close();
  }
});
port.postMessage({ ready: true } satisfies SealReply);

function workOf(): (task: SealTask) => unknown {
  const strange = (task: SealTask): never => {
    throw new HeError("ERR_HE_FAILED", `${task.kind}: not a task of this worker`);
  };
  if (role.kind === "encrypt") {
    const encrypt = encrypter();
    return (task) => (task.kind === "encrypt" ? encrypt(task) : strange(task));
  }
  const library = { seal, set: parametersNamed(role.set) };
  switch (role.kind) {
    case "keys":
      return (task) => (task.kind === "keys" ? createHeKeys(library) : strange(task));
    case "add": {
      const session = openAddSession(library);
      return (task) => (task.kind === "add" ? session.add(task.ciphertexts) : strange(task));
    }
    case "decrypt": {
      const session = openDecryptSession(library, role.secretKey);
      return (task) => (task.kind === "decrypt" ? session.decrypt(task.ciphertext, task.count) : strange(task));
    }
  }
}

/** Goes on with the key it had last: a vector is many tasks under one key. */
function encrypter() {
  let open: { readonly set: string; readonly key: Uint8Array; readonly session: EncryptSession } | undefined;
  return ({ set, publicKey, words }: SealTasks["encrypt"]["task"]): Uint8Array => {
    if (open === undefined || open.set !== set || Buffer.compare(open.key, publicKey) !== 0) {
      open?.session[Symbol.dispose]();
      open = undefined;
      const session = openEncryptSession({ seal, set: parametersNamed(set) }, publicKey);
      open = { set, key: publicKey, session };
    }
    return open.session.encrypt(words);
  };
}
