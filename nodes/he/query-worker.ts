/** Does one task of an encrypted query with its own instance of the library, and ends. */
import { randomBytes } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { HeError } from "../../crypto/he/errors.ts";
import { answerQueries, encryptQueries, readAnswers } from "../../crypto/he/query.ts";
import { startSeal } from "./load-seal.ts";
import type { QueryWorkerData } from "./query-tasks.ts";

const { module, maximumHeapBytes, task } = workerData as QueryWorkerData;
const { seal } = await startSeal(module, maximumHeapBytes);

function work(): unknown {
  switch (task.kind) {
    case "encrypt":
      return encryptQueries(seal, task.seed, task.lists);
    case "answer":
      return answerQueries(seal, task, (bytes) => new Uint8Array(randomBytes(bytes)));
    case "read":
      return readAnswers(seal, task.secretKey, task.answers);
  }
}

try {
  parentPort!.postMessage({ answer: work() });
} catch (error) {
  // Of what failed in the library only the fact is told.
  const { code, message } = error instanceof HeError ? error : { code: "ERR_HE_FAILED", message: "the query failed" };
  parentPort!.postMessage({ refused: { code, message } });
}
