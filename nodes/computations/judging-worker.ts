/** A worker that judges results: output rules, linear programs and the release guard take as long as they take. */
import { parentPort } from "node:worker_threads";
import { type OutcomeInputs, resultOf } from "../../exchange/computations/outcome.ts";
import { kindOf } from "../../exchange/computations/record-relations.ts";
import type { SumEquation } from "../../exchange/computations/release-check.ts";
import { loadSolver, type Solver } from "../../policies/disclosure/solver.ts";
import { namesLargest } from "../../policies/model/output-terms.ts";

export interface JudgingTask extends Omit<OutcomeInputs, "earlier" | "solver" | "isLate" | "decoded"> {
  readonly decoded: Omit<OutcomeInputs["decoded"], "words">;
  /** Of `decoded`. */
  readonly words: SharedArrayBuffer;
  /** What is not judged by then is withheld. */
  readonly limitMs: number;
}
export type JudgingMessage = { readonly earlier: readonly SumEquation[] } | { readonly task: JudgingTask };
export type JudgingReply = ReturnType<typeof resultOf>;

const port = parentPort!;
let earlier: SumEquation[] = [];
/** A megabyte of WebAssembly, loaded by the first release that needs it. */
let solver: Promise<Solver> | undefined;

port.on("message", (message: JudgingMessage) => {
  if ("earlier" in message) earlier.push(...message.earlier);
  // A rejection ends the worker, and whoever waits for it learns of that.
  else void judge(message.task).then((reply) => port.postMessage(reply satisfies JudgingReply));
});

async function judge({ words, limitMs, decoded, ...inputs }: JudgingTask): Promise<JudgingReply> {
  const end = performance.now() + limitMs;
  const sums = earlier;
  earlier = [];
  if (namesLargest(inputs.output) || inputs.output.rounding !== undefined) solver ??= loadSolver();
  return resultOf({
    ...inputs,
    decoded: { ...decoded, words: new BigUint64Array(words) },
    earlier: {
      like(records) {
        const kinds = new Set([...records].map(kindOf));
        return sums.filter(({ record }) => kinds.has(kindOf(record)));
      },
    },
    ...(solver === undefined ? {} : { solver: await solver }),
    isLate: () => performance.now() > end,
  });
}
