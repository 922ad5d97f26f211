/** Matches in a worker: the loop of the node only hears what came of it. */
import { Worker } from "node:worker_threads";
import { PsiError } from "../../crypto/psi/errors.ts";
import { siblingPath } from "../boot/sibling.ts";
import type { MatchFiles } from "./match-files.ts";
import type { MatchedGroups, MatchReply } from "./match-worker.ts";

const SCRIPT_MIB = 128;

/** Throws PsiError: ERR_PSI_FAILED too, when `signal` ends it. */
export async function runMatch(files: MatchFiles, signal: AbortSignal): Promise<MatchedGroups> {
  const worker = new Worker(siblingPath(import.meta.url, "./match-worker"), {
    workerData: files,
    // It needs no token of this node.
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: SCRIPT_MIB },
  });
  const { promise, resolve, reject } = Promise.withResolvers<MatchedGroups>();
  const failed = () => reject(new PsiError("ERR_PSI_FAILED", "the worker for a match has ended"));
  worker.once("error", failed);
  worker.once("exit", failed);
  worker.once("message", (reply: MatchReply) => {
    if ("groups" in reply) resolve(reply.groups);
    else reject(new PsiError(reply.refused, "match: refused"));
  });
  signal.addEventListener("abort", failed, { once: true });
  if (signal.aborted) failed();
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", failed);
    await worker.terminate();
  }
}
