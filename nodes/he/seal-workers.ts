/** Workers of one role, at most as many as there are processors. None stands idle between two tasks: the next one waits there. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { HeError } from "../../crypto/he/errors.ts";
import type { ParameterSet } from "../../crypto/he/parameters.ts";
import { siblingPath } from "../boot/sibling.ts";
import { compileSeal } from "./load-seal.ts";
import type { AnswerTo, SealReply, SealRole, SealTask, SealWorkerData } from "./seal-tasks.ts";

const MIB = 2 ** 20;
/** The library begins with 16 MiB; sums and keys need a few more. Zeros made ahead are 64 KiB each. */
const HEAP_BYTES = 64 * MIB;
const SCRIPT_MIB = 64;
/** Tasks that a worker has, the one it is at included. */
const QUEUED = 2;
/** A task is some milliseconds; 512 zeros are half a second. What takes that long does not end at all. */
const TASK_MS = 120_000;

export interface SealWorkers extends AsyncDisposable {
  readonly threads: number;
  /** Throws HeError. `transfer`: buffers that the worker gets instead of copies. */
  run<T extends SealTask>(task: T, transfer?: readonly ArrayBuffer[]): Promise<AnswerTo<T>>;
}

export interface SealWorkerOptions {
  readonly threads?: number;
  readonly maximumHeapBytes?: number;
}

interface Job {
  readonly task: SealTask;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: HeError) => void;
}

let compiled: Promise<object> | undefined;

/** Resolves once every worker has its instance. Throws HeError where one does not start, as with a wrong key. */
export async function openSealWorkers(
  set: ParameterSet,
  role: SealRole,
  { threads = availableParallelism(), maximumHeapBytes = HEAP_BYTES }: SealWorkerOptions = {},
): Promise<SealWorkers> {
  compiled ??= compileSeal();
  const data: SealWorkerData = { module: await compiled, maximumHeapBytes, set: set.id, role };
  const waiting: Job[] = [];
  const group = Array.from({ length: threads }, () => startWorker(data, dispatch));

  function dispatch(): void {
    const alive = group.filter(({ hasEnded }) => !hasEnded());
    if (alive.length === 0) {
      for (const job of waiting.splice(0)) job.reject(failed());
      return;
    }
    while (waiting.length > 0) {
      const least = alive.reduce((a, b) => (b.load() < a.load() ? b : a));
      if (least.load() >= QUEUED) return;
      least.give(waiting.shift()!);
    }
  }
  const close = async () => {
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
    run<T extends SealTask>(task: T, transfer: readonly ArrayBuffer[] = []): Promise<AnswerTo<T>> {
      return new Promise((resolve, reject) => {
        waiting.push({ task, transfer, resolve: resolve as Job["resolve"], reject });
        dispatch();
      });
    },
    [Symbol.asyncDispose]: close,
  });
}

const failed = () => new HeError("ERR_HE_FAILED", "the worker for homomorphic encryption has ended");

function startWorker(workerData: SealWorkerData, changed: () => void) {
  const worker = new Worker(siblingPath(import.meta.url, "./seal-worker"), {
    workerData,
    // It needs no token and no path of this node.
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: SCRIPT_MIB },
  });
  const running = new Map<number, Job & { readonly late: NodeJS.Timeout }>();
  const { promise: ready, resolve: begin, reject: refuse } = Promise.withResolvers<void>();
  let next = 0;
  let ended = false;

  worker.on("message", (reply: SealReply) => {
    if ("ready" in reply) return begin();
    const job = running.get(reply.id)!;
    running.delete(reply.id);
    clearTimeout(job.late);
    if ("answer" in reply) job.resolve(reply.answer);
    else job.reject(new HeError(reply.refused.code, reply.refused.message));
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
    load: () => running.size,
    hasEnded: () => ended,
    give(job: Job): void {
      running.set(next, { ...job, late: setTimeout(() => void worker.terminate(), TASK_MS) });
      worker.postMessage({ id: next, task: job.task }, job.transfer);
      next += 1;
    },
  };
}
