/**
 * Which submissions go into the next group commit. What all providers of a request record at nearly the same time waits
 * for the others: a group commit costs every member a cosignature and the check of a quorum, however few records it
 * holds, and nobody can go on from a request before all of them have decided.
 */
import { readDecision, readRequest, type StateReader } from "../../chaincode/rules/keys.ts";
import type { TransactionBody, TransactionType } from "../../chaincode/rules/transactions.ts";
import type { Submission, SubmissionQueue } from "./submissions.ts";

export interface GatheringDeps {
  /** The acknowledged state. */
  readonly state: StateReader;
  readonly queue: Pick<SubmissionQueue, "bell" | "take" | "size">;
  readonly maxBatch: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

const LONGEST_PATIENCE_MS = 100;
const OF_MANY: readonly TransactionType[] = ["decision.record", "agreement.conclude"];

/** The oldest submissions; for the missing decisions of the same requests it waits twice `lastCommitMs` at most. */
export async function gatherGroup(deps: GatheringDeps, lastCommitMs: number): Promise<readonly Submission[]> {
  const { queue, maxBatch, signal } = deps;
  const until = deps.now() + Math.min(2 * lastCommitMs, LONGEST_PATIENCE_MS);
  let group = queue.take(maxBatch);
  for (;;) {
    const patienceMs = until - deps.now();
    if (patienceMs < 1 || group.length >= maxBatch || !(await isIncomplete(deps.state, group))) return group;
    if (queue.size() === 0) await queue.bell.wait(signal, patienceMs);
    const more = queue.take(maxBatch - group.length);
    if (more.length === 0) return group;
    group = [...group, ...more];
  }
}

/** Nothing but decisions and agreements, of requests on which others have still to decide. */
async function isIncomplete(state: StateReader, group: readonly Submission[]): Promise<boolean> {
  if (group.length === 0 || !group.every(isOneOfMany)) return false;
  const decided = new Map<string, Set<string>>();
  for (const { request, asset } of group.flatMap(decisionIn)) {
    decided.set(request, (decided.get(request) ?? new Set()).add(asset));
  }
  for (const [request, assets] of decided) {
    for (const asset of (await readRequest(state, request))?.assets ?? []) {
      if (!assets.has(asset) && (await readDecision(state, request, asset)) === undefined) return true;
    }
  }
  return false;
}

const isOneOfMany = ({ transaction }: Submission): boolean => OF_MANY.includes(transaction.statement?.type);

/** Nothing of it is verified yet: whoever invents decisions keeps others waiting for a moment, no more. */
function decisionIn({ transaction }: Submission): { readonly request: string; readonly asset: string }[] {
  const { type, body } = transaction.statement;
  if (type !== "decision.record") return [];
  const { request, asset } = (body ?? {}) as Partial<TransactionBody<"decision.record">>;
  return typeof request === "string" && typeof asset === "string" ? [{ request, asset }] : [];
}
