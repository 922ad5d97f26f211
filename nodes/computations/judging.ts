/**
 * Results are judged by a worker, one after another: linear programs and the release guard may take seconds, and whoever
 * asks this node meanwhile is answered. What is sent to it is cut into pieces of a millisecond or so.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { OutcomeInputs } from "../../exchange/computations/outcome.ts";
import type { SumEquation } from "../../exchange/computations/release-check.ts";
import type { ReleasedSums } from "../../exchange/computations/released-sums.ts";
import { atomCodes, sumRecords, termRecords } from "../../exchange/statistics/layout.ts";
import { siblingPath } from "../boot/sibling.ts";
import type { JudgingMessage, JudgingReply } from "./judging-worker.ts";

export interface JudgingLimits {
  /** For all linear programs of one release: what is not judged by then is withheld. */
  readonly judgingMs: number;
  /** For everything: a worker that is not done by then is ended, and another one judges without linear programs. */
  readonly wholeMs: number;
}
const LIMITS: JudgingLimits = { judgingMs: 5_000, wholeMs: 120_000 };
const WORDS = 2 ** 17;
const SUMS = 250;

export interface Judging extends AsyncDisposable {
  /** Starts the worker, so that it is there when the result is. */
  warm(): void;
  /** One at a time. Throws Error where no worker does it. */
  judge(inputs: JudgedInputs): Promise<JudgingReply>;
}
export type JudgedInputs = Omit<OutcomeInputs, "solver" | "isLate" | "earlier" | "groups"> & {
  readonly earlier: Pick<ReleasedSums, "like">;
};

/** `groupsOf`: holding groups of members, by the ledger. */
export function createJudging(
  groupsOf: (members: Iterable<string>) => Promise<Readonly<Record<string, string>>>,
  { judgingMs, wholeMs }: JudgingLimits = LIMITS,
): Judging {
  let running: Worker | undefined;

  function started(): Worker {
    if (running !== undefined) return running;
    // It needs no token and no path of this node.
    const worker = new Worker(siblingPath(import.meta.url, "./judging-worker"), { env: {} });
    running = worker;
    worker.once("exit", () => {
      if (running === worker) running = undefined;
    });
    worker.on("error", () => undefined);
    worker.unref();
    return worker;
  }

  async function attempt(inputs: JudgedInputs, limitMs: number): Promise<JudgingReply> {
    const { earlier: _read, decoded, parties, ...rest } = inputs;
    const { words, ...told } = decoded;
    const shared = await copied(words);
    const sums = earlierOf(inputs);
    const groups = await groupsOf(new Set([...told.survivors, ...sums.flatMap(({ contributors }) => contributors)]));
    const worker = started();
    const { promise, resolve, reject } = Promise.withResolvers<JudgingReply>();
    const ended = (cause?: unknown) => reject(new Error("the worker that judges results has ended", { cause }));
    const exited = () => ended();
    worker.once("message", resolve);
    worker.once("error", ended);
    worker.once("exit", exited);
    const late = setTimeout(() => void worker.terminate(), wholeMs);
    worker.ref();
    try {
      const send = (message: JudgingMessage) => worker.postMessage(message);
      for (const earlier of inPieces(sums)) {
        send({ earlier });
        await nextTurn();
      }
      const { attributes } = parties;
      send({ task: { ...rest, groups, parties: { attributes }, decoded: told, words: shared, limitMs } });
      return await promise;
    } finally {
      clearTimeout(late);
      worker.off("message", resolve);
      worker.off("error", ended);
      worker.off("exit", exited);
      worker.unref();
    }
  }

  return Object.freeze({
    warm: () => void started(),
    judge: (inputs: JudgedInputs) => attempt(inputs, judgingMs).catch(() => attempt(inputs, 0)),
    async [Symbol.asyncDispose]() {
      await running?.terminate();
    },
  });
}

/** Earlier sums that any sum of this layout may be related to: which those are does not depend on the cell. */
function earlierOf({ layout, earlier }: JudgedInputs): readonly SumEquation[] {
  const [recordOf, termsOf] = [sumRecords(layout), termRecords(layout)];
  const codes = atomCodes(layout, 0);
  return earlier.like(
    layout.components.flatMap((_, component) => [recordOf(codes, component), ...termsOf(codes, component)]),
  );
}

function* inPieces(sums: readonly SumEquation[]): Generator<readonly SumEquation[]> {
  for (let at = 0; at < sums.length; at += SUMS) yield sums.slice(at, at + SUMS);
}

async function copied(words: BigUint64Array): Promise<SharedArrayBuffer> {
  const shared = new SharedArrayBuffer(words.byteLength);
  const into = new BigUint64Array(shared);
  for (let at = 0; at < words.length; at += WORDS) {
    into.set(words.subarray(at, at + WORDS), at);
    if (at + WORDS < words.length) await nextTurn();
  }
  return shared;
}
