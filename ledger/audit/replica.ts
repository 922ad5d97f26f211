/**
 * Verification of a whole ledger (`sealane audit ledger`): re-executes the contract from genesis, rebuilds the tree and
 * compares it with a cosigned checkpoint. Names the first bad position and why.
 */
import { execute } from "../../chaincode/rules/execute.ts";
import type { Host } from "../../chaincode/rules/host.ts";
import { readKey, readMembers, readNetwork, type StateReader } from "../../chaincode/rules/keys.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { createSignatureQueue } from "../contract.ts";
import { leafHashOf } from "../log/leaf.ts";
import { appendLeaf, type CompactRange, EMPTY_RANGE, rootOf } from "../log/tree.ts";
import type { LedgerEntry } from "../port.ts";
import { formProblems } from "./form.ts";
import { memoryStore } from "./memory-store.ts";
import { collectFindings, type Problem } from "./problems.ts";
import { TrustFile } from "./trust.ts";
import { indexTrust, type TrustIndex } from "./trust-index.ts";

export interface ReplicaReport {
  readonly format: "sealane/replica-report/v1";
  readonly verdict: "verified" | "failed";
  /** Entries that were found good, from position 0. */
  readonly entries: number;
  /** The first bad thing: `where` is "/<position>", "/checkpoint" or a pointer into the trust file under "/trust". */
  readonly problem?: Problem;
  /** Root over the good entries, base64url. */
  readonly root: string;
  /** Instant of the last good entry. */
  readonly time?: string;
}

/**
 * `entries` come from position 0 in order; `checkpoint` is a cosigned checkpoint note over exactly these. Bad data gives
 * a report; only a failing stream rejects.
 */
export async function verifyReplica(
  entries: AsyncIterable<LedgerEntry> | Iterable<LedgerEntry>,
  checkpoint: string,
  trust: unknown,
): Promise<ReplicaReport> {
  const pinned = openTrust(trust);
  const store = memoryStore();
  let range: CompactRange = EMPTY_RANGE;
  let time: string | undefined;
  const answer = (problem?: Problem): ReplicaReport => ({
    format: "sealane/replica-report/v1",
    verdict: problem === undefined ? "verified" : "failed",
    entries: range.size,
    ...(problem === undefined ? {} : { problem }),
    root: toBase64url(rootOf(range)),
    ...(time === undefined ? {} : { time }),
  });
  if ("problem" in pinned) return answer(pinned.problem);
  const signatures = createSignatureQueue(store);
  for await (const entry of signatures.inOrder(entries, (entry) => entry?.transaction)) {
    const problem = await replay({ store, entry, position: range.size, previous: time, verify: signatures.verify });
    if (problem !== undefined) return answer(problem);
    range = appendLeaf(range, leafHashOf(entry)).range;
    time = entry.time;
    const fork = forkProblem(pinned.index, range);
    if (fork !== undefined) return answer(fork);
  }
  return answer(
    checkpointProblem(pinned.index, checkpoint, range) ??
      lossProblem(pinned.index, range) ??
      (await stateProblem(pinned.index, store, range.size)),
  );
}

interface Replay {
  readonly store: ReturnType<typeof memoryStore>;
  readonly verify: Host["verify"];
  readonly entry: LedgerEntry;
  readonly position: number;
  readonly previous: string | undefined;
}

async function replay({ store, verify, entry, position, previous }: Replay): Promise<Problem | undefined> {
  const problem = (code: Problem["code"], values: Problem["values"] = {}): Problem => ({
    where: `/${position}`,
    code,
    values,
  });
  if (!isEntry(entry)) return problem("ledger-entry");
  if (entry.position !== position) return problem("position-gap", { expected: position, got: entry.position });
  const millis = Date.parse(entry.time);
  if (Number.isNaN(millis)) return problem("instant", { got: entry.time });
  if (previous !== undefined && millis < Date.parse(previous)) {
    return problem("time-order", { previous, got: entry.time });
  }
  const outcome = await execute({ store, time: entry.time, position, verify }, entry.transaction);
  if (!outcome.ok) {
    return problem("rejected", { rule: outcome.code, field: outcome.field ?? "", detail: outcome.message });
  }
  return outcome.repeats === undefined ? undefined : problem("repeated", { first: outcome.repeats });
}

/** The leaf holds {time, transaction} and no more; anything beside it in the stored entry would be covered by nothing. */
function isEntry(entry: unknown): entry is LedgerEntry {
  if (entry === null || typeof entry !== "object") return false;
  const names = Object.keys(entry).sort().join();
  const { position, time, transaction } = entry as Partial<LedgerEntry>;
  const instant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/;
  return (
    names === "position,time,transaction" &&
    typeof position === "number" &&
    typeof time === "string" &&
    instant.test(time) &&
    typeof transaction === "object"
  );
}

function openTrust(trust: unknown): { readonly index: TrustIndex } | { readonly problem: Problem } {
  const under = (problem: Problem): Problem => ({ ...problem, where: `/trust${problem.where}` });
  const [malformed] = formProblems(TrustFile, trust);
  if (malformed !== undefined) return { problem: under(malformed) };
  const findings = collectFindings();
  const index = indexTrust(trust as TrustFile, findings);
  const [wrong] = findings.problems;
  return wrong === undefined ? { index } : { problem: under(wrong) };
}

function checkpointProblem(trust: TrustIndex, note: string, range: CompactRange): Problem | undefined {
  const opened = trust.openCheckpoint(note);
  if (!opened.ok) return { where: "/checkpoint", code: opened.code, values: opened.values };
  const { size, root } = opened.signed.checkpoint;
  if (size !== range.size) {
    return { where: "/checkpoint", code: "size-mismatch", values: { expected: size, got: range.size } };
  }
  if (Buffer.compare(root, rootOf(range)) !== 0) {
    return { where: "/checkpoint", code: "root-mismatch", values: { expected: toBase64url(root) } };
  }
  return undefined;
}

/** At the size of the trust file's own checkpoint the root must be that one: else there are two histories. */
function forkProblem({ pinned }: TrustIndex, range: CompactRange): Problem | undefined {
  if (pinned === undefined || pinned.size !== range.size) return undefined;
  if (Buffer.compare(pinned.root, rootOf(range)) === 0) return undefined;
  return { where: "/trust/checkpoint", code: "checkpoint-conflict", values: { size: range.size } };
}

/** A ledger that is shorter than what the trust file already saw cosigned has lost entries. */
function lossProblem({ pinned }: TrustIndex, range: CompactRange): Problem | undefined {
  if (pinned === undefined || pinned.size <= range.size) return undefined;
  return { where: "/checkpoint", code: "size-mismatch", values: { expected: pinned.size, got: range.size } };
}

/** Members, keys and sequencer as the contract leaves them are those that the trust file pins. */
async function stateProblem(trust: TrustIndex, state: StateReader, size: number): Promise<Problem | undefined> {
  const network = await readNetwork(state);
  if (network?.network !== trust.file.network) {
    return { where: "/0", code: "network-mismatch", values: { expected: trust.file.network } };
  }
  const sequencer = trust.sequencerAt(size);
  if (network.sequencer !== sequencer) {
    return { where: "/trust/sequencers", code: "member-not-pinned", values: { member: network.sequencer } };
  }
  for (const { record } of await readMembers(state)) {
    const pinned = trust.member(record.id);
    // Members admitted after the trust file was made are not pinned, which is no contradiction.
    if (pinned === undefined) continue;
    for (const { key, publicKey, from } of pinned.keys) {
      const known = await readKey(state, key);
      const fits = known?.member === record.id && known.publicKey === publicKey && known.from.position === from;
      if (!fits) return { where: "/trust/members", code: "member-key", values: { member: record.id, key } };
    }
  }
  return undefined;
}
