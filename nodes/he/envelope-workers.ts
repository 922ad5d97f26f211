/**
 * Workers of one role: one at first, and more, up to the number of processors, as soon as tasks wait. None stands idle
 * between two tasks: the next one waits there.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { HeError } from "../../crypto/he/errors.ts";
import { siblingPath } from "../boot/sibling.ts";
import type { AnswerTo, EnvelopeReply, EnvelopeRole, EnvelopeTask, EnvelopeWorkerData } from "./envelope-tasks.ts";

const SCRIPT_MIB = 64;
/** Tasks that a worker has, the one it is at included. */
const QUEUED = 2;
/** A task is some milliseconds. What takes that long does not end at all. */
const TASK_MS = 120_000;

export interface EnvelopeWorkers extends AsyncDisposable {
  readonly threads: number;
  /** Throws HeError. `transfer`: buffers that the worker gets instead of copies. */
  run<T extends EnvelopeTask>(task: T, transfer?: readonly ArrayBuffer[]): Promise<AnswerTo<T>>;
}

export interface EnvelopeWorkerOptions {
  readonly threads?: number;
  /** All at once, and none later: what they are started with is gone by then. */
  readonly together?: boolean;
}

interface Job {
  readonly task: EnvelopeTask;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: HeError) => void;
}

/** Resolves once those it begins with have started. Throws HeError where one does not start, as with a wrong key. */
export async function openEnvelopeWorkers(
  role: EnvelopeRole,
  { threads = availableParallelism(), together = false }: EnvelopeWorkerOptions = {},
): Promise<EnvelopeWorkers> {
  const data: EnvelopeWorkerData = { role };
  const waiting: Job[] = [];
  let isClosing = false;
  const group = Array.from({ length: together ? threads : 1 }, () => startWorker(data, dispatch));

  function dispatch(): void {
    const alive = group.filter(({ hasEnded }) => !hasEnded());
    if (alive.length === 0) {
      for (const job of waiting.splice(0)) job.reject(failed());
      return;
    }
    while (waiting.length > 0) {
      const least = alive.reduce((a, b) => (b.load() < a.load() ? b : a));
      if (least.load() >= QUEUED) break;
      least.give(waiting.shift()!);
    }
    if (waiting.length > 0 && group.length < threads && !isClosing) group.push(startWorker(data, dispatch));
  }
  const close = async () => {
    isClosing = true;
    await Promise.all(group.map(({ worker }) => worker.terminate()));
  };
  try {
    await Promise.all(group.map(({ ready }) => ready));
  } catch (error) {
    await close();
    throw error;
  }
  return Object.freeze({
    threads,
    run<T extends EnvelopeTask>(task: T, transfer: readonly ArrayBuffer[] = []): Promise<AnswerTo<T>> {
      return new Promise((resolve, reject) => {
        waiting.push({ task, transfer, resolve: resolve as Job["resolve"], reject });
        dispatch();
      });
    },
    [Symbol.asyncDispose]: close,
  });
}

const failed = () => new HeError("ERR_HE_FAILED", "the worker for homomorphic encryption has ended");

function startWorker(workerData: EnvelopeWorkerData, changed: () => void) {
  const worker = new Worker(siblingPath(import.meta.url, "./envelope-worker"), {
    workerData,
    // It needs no token and no path of this node.
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: SCRIPT_MIB },
  });
  const running = new Map<number, Job & { readonly late: NodeJS.Timeout }>();
  const { promise: ready, resolve: begin, reject: refuse } = Promise.withResolvers<void>();
  // One that is started later is waited for by its tasks alone.
  ready.catch(() => undefined);
  let next = 0;
  let isReady = false;
  let ended = false;

  worker.on("message", (reply: EnvelopeReply) => {
    if ("ready" in reply) {
      isReady = true;
      begin();
      return changed();
    }
    const job = running.get(reply.id)!;
    running.delete(reply.id);
    clearTimeout(job.late);
    if ("answer" in reply) job.resolve(reply.answer);
    else {
      // It ends by itself then, a little later: what it has in its queue would wait for that in vain, and no more is added.
      if (reply.refused.code === "ERR_HE_FAILED") ended = true;
      job.reject(new HeError(reply.refused.code, reply.refused.message));
    }
    changed();
  });
  // What it says of its end might tell of a key.
  worker.on("error", () => refuse(failed()));
  worker.on("exit", () => {
    ended = true;
    refuse(failed());
    for (const job of running.values()) {
      clearTimeout(job.late);
      job.reject(failed());
    }
    running.clear();
    changed();
  });
  return {
    worker,
    ready,
    /** One that is still starting would only hold a task up. */
    load: () => (isReady ? running.size : Number.POSITIVE_INFINITY),
    hasEnded: () => ended,
    give(job: Job): void {
      running.set(next, { ...job, late: setTimeout(() => void worker.terminate(), TASK_MS) });
      worker.postMessage({ id: next, task: job.task }, job.transfer);
      next += 1;
    },
  };
}
