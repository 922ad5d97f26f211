/** Encrypted queries in workers of their own: a secret key is in one worker, and ends with it. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { HeError, type HeErrorCode } from "../../crypto/he/errors.ts";
import { siblingPath } from "../boot/sibling.ts";
import { compileSeal } from "./load-seal.ts";
import type { QueryAnswers, QueryTask, QueryWorkerData } from "./query-tasks.ts";
import { createTurns } from "./turns.ts";

/** The library's tables for these parameters, a key, and a few ciphertexts of a megabyte each. */
const HEAP_BYTES = 128 * 2 ** 20;
const SCRIPT_MIB = 128;
const TASK_MS = 60_000;

type Reply =
  | { readonly answer: unknown }
  | { readonly refused: { readonly code: HeErrorCode; readonly message: string } };

/** Of a process: members may ask all at once, and each worker has a heap of its own. */
const inTurn = createTurns(availableParallelism());

/** Throws HeError. */
export const runQueryTask = <T extends QueryTask>(task: T): Promise<QueryAnswers[T["kind"]]> =>
  inTurn(() => runWorker(task));

async function runWorker<T extends QueryTask>(task: T): Promise<QueryAnswers[T["kind"]]> {
  const workerData: QueryWorkerData = { module: await compileSeal(), maximumHeapBytes: HEAP_BYTES, task };
  const worker = new Worker(siblingPath(import.meta.url, "./query-worker"), {
    workerData,
    // It needs no token and no path of this node.
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: SCRIPT_MIB },
  });
  const { promise, resolve, reject } = Promise.withResolvers<QueryAnswers[T["kind"]]>();
  const failed = () => reject(new HeError("ERR_HE_FAILED", "the worker for an encrypted query has ended"));
  const late = setTimeout(failed, TASK_MS);
  worker.once("error", failed);
  worker.once("exit", failed);
  worker.once("message", (reply: Reply) => {
    if ("answer" in reply) resolve(reply.answer as QueryAnswers[T["kind"]]);
    else reject(new HeError(reply.refused.code, reply.refused.message));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    await worker.terminate();
  }
}
