/** Masking on all processors: lists are cut into pieces of some milliseconds, so the event loop only moves bytes. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { PsiError } from "../../crypto/psi/errors.ts";
import { POINT_BYTES, pointsIn } from "../../crypto/psi/masking.ts";
import type { MaskingPort } from "../../crypto/psi/party.ts";
import { siblingPath } from "../boot/sibling.ts";
import type { PsiReply, PsiTask, PsiWorkerData } from "./psi-worker.ts";

/** Items of one task: some 50 ms; inversions are shared by so many. */
const PIECE = 256;
/** Tasks that a worker has: it begins with the next one while the event loop is at something else. */
const AT_HAND = 2;
const SCRIPT_MIB = 64;

export interface PsiWorkers extends MaskingPort, AsyncDisposable {}

interface Job {
  readonly task: () => PsiTask;
  readonly resolve: (masked: Uint8Array) => void;
  readonly reject: (error: PsiError) => void;
}

/** The key is wiped here; its copies end with the workers. */
export function openPsiWorkers(
  { key, run }: PsiWorkerData,
  { threads = availableParallelism() }: { readonly threads?: number } = {},
): PsiWorkers {
  const waiting: Job[] = [];
  const group = Array.from({ length: threads }, () => startWorker({ key, run }, waiting));
  key.fill(0);

  const give = (task: () => PsiTask) =>
    new Promise<Uint8Array>((resolve, reject) => {
      waiting.push({ task, resolve, reject });
      for (const worker of group) worker.look();
    });
  /** Results go where they belong as they come. */
  async function inPieces(count: number, task: (start: number, end: number) => PsiTask): Promise<Uint8Array> {
    const masked = new Uint8Array(POINT_BYTES * count);
    const starts = Array.from({ length: Math.ceil(count / PIECE) }, (_, i) => i * PIECE);
    await Promise.all(
      starts.map(async (start) => {
        const piece = await give(() => task(start, Math.min(count, start + PIECE)));
        masked.set(piece, POINT_BYTES * start);
      }),
    );
    return masked;
  }
  return Object.freeze({
    maskItems: (items: readonly string[]) =>
      inPieces(items.length, (start, end) => ({ items: items.slice(start, end) })),
    remask: async (points: Uint8Array) =>
      await inPieces(pointsIn(points), (start, end) => ({
        points: points.slice(POINT_BYTES * start, POINT_BYTES * end),
      })),
    async [Symbol.asyncDispose]() {
      await Promise.all(group.map(({ worker }) => worker.terminate()));
    },
  });
}

const failed = () => new PsiError("ERR_PSI_FAILED", "the worker for set intersection has ended");

function startWorker(workerData: PsiWorkerData, waiting: Job[]) {
  const worker = new Worker(siblingPath(import.meta.url, "./psi-worker"), {
    workerData,
    // It needs no token and no path of this node.
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: SCRIPT_MIB },
  });
  /** It answers in their order. */
  const jobs: Job[] = [];
  let ended = false;

  function look(): void {
    if (ended) {
      for (const lost of waiting.splice(0)) lost.reject(failed());
      return;
    }
    while (jobs.length < AT_HAND && waiting.length > 0) {
      const job = waiting.shift()!;
      jobs.push(job);
      worker.postMessage(job.task());
    }
  }
  worker.on("message", (reply: PsiReply) => {
    const done = jobs.shift()!;
    if ("masked" in reply) done.resolve(reply.masked);
    else done.reject(new PsiError(reply.refused.code, reply.refused.message));
    look();
  });
  // What it says of its end might tell of an item.
  worker.on("error", () => {});
  worker.on("exit", () => {
    ended = true;
    for (const lost of jobs.splice(0)) lost.reject(failed());
    look();
  });
  return { worker, look };
}
