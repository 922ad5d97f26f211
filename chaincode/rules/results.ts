/** Release and withholding by the receiver (secure-aggregation.md section 6, message 23). */
import { demandTransition, putState } from "./computation-states.ts";
import { demand, found } from "./errors.ts";
import type { Host } from "./host.ts";
import { keys, readComputationOpened, readOmitted } from "./keys.ts";
import type { ComputationState, ResultState } from "./records.ts";
import { demandReviewed } from "./reviews.ts";
import { type Author, type Rule, written } from "./rule.ts";

export const releaseResult: Rule<"result.release"> = async (host, author, result) => {
  const { computation, next } = await demandTransition(host, result.computation, "release");
  demandReceiver(author, computation, result.request);
  const omitted = await readOmitted(host.store, result.computation);
  demand(
    omitted.length === 0,
    "ERR_CONTRACT_OMITTED",
    `computation: the coordinator left out ${omitted.map(({ member }) => member).join(", ")} against its own receipt`,
    "computation",
  );
  const opened = found(await readComputationOpened(host.store, computation.computation), "computation", "computation");
  await demandReviewed(host, opened, result);
  await putResult(host, computation.computation, { outcome: "released", result, ...written(host) });
  await putState(host, computation, next);
};

export const withholdResult: Rule<"result.withhold"> = async (host, author, result) => {
  const { computation, next } = await demandTransition(host, result.computation, "withhold");
  demandReceiver(author, computation, result.request);
  await putResult(host, computation.computation, { outcome: "withheld", result, ...written(host) });
  await putState(host, computation, next);
};

function demandReceiver(author: Author, computation: ComputationState, request: string): void {
  demand(
    author.id === computation.receiver,
    "ERR_CONTRACT_NOT_PERMITTED",
    `computation: only its receiver ${computation.receiver} may do this`,
    "computation",
  );
  demand(
    request === computation.request,
    "ERR_CONTRACT_MISMATCH",
    `request: the computation is of request ${computation.request}`,
    "request",
  );
}

const putResult = (host: Host, computation: string, result: ResultState): Promise<void> =>
  host.store.put(keys.result(computation), result);
