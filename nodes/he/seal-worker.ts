/** A worker with its own instance of the library, for one role (seal-tasks.ts). */
import { parentPort, workerData } from "node:worker_threads";
import { guarded, HeError } from "../../crypto/he/errors.ts";
import { parametersNamed } from "../../crypto/he/parameters.ts";
import { createHeKeys, openAddSession, openDecryptSession, openEncryptSession } from "../../crypto/he/session.ts";
import { startSeal } from "./load-seal.ts";
import type { SealReply, SealTask, SealWorkerData } from "./seal-tasks.ts";

const { module, maximumHeapBytes, role, set: id } = workerData as SealWorkerData;
const port = parentPort!;
const { seal } = await startSeal(module, maximumHeapBytes);
const library = { seal, set: parametersNamed(id) };
const work = workOf();

port.on("message", ({ id, task }: { readonly id: number; readonly task: SealTask }) => {
  try {
    const answer = guarded(() => work(task));
    reply({ id, answer });
  } catch (error) {
    const { code, message } = error as HeError;
    reply({ id, refused: { code, message } });
    // What failed inside the library, for want of memory say, may have left it in any state.
    if (code === "ERR_HE_FAILED") port.close();
  }
});
reply({ ready: true });

function reply(message: SealReply): void {
  port.postMessage(message);
}

function workOf(): (task: SealTask) => unknown {
  const strange = (task: SealTask): never => {
    throw new HeError("ERR_HE_FAILED", `${task.kind}: not a task of this worker`);
  };
  switch (role.kind) {
    case "keys":
      return (task) => (task.kind === "keys" ? createHeKeys(library) : strange(task));
    case "encrypt": {
      const session = openEncryptSession(library, role.publicKey);
      return (task) => {
        if (task.kind === "encrypt") return session.encrypt(task.words);
        if (task.kind !== "prepare") return strange(task);
        session.prepare(task.count);
        return null;
      };
    }
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
