/**
 * Verification of a whole ledger (`sealane audit ledger`): re-executes the contract from genesis, rebuilds the tree and
 * compares it with a cosigned checkpoint. Names the first bad position and why.
 */
import { execute } from "../../chaincode/rules/execute.ts";
import type { Host, StateStore } from "../../chaincode/rules/host.ts";
import { readKey, readMembers, readNetwork, type StateReader } from "../../chaincode/rules/keys.ts";
import { canonicalJson, isCanonicalText } from "../../crypto/suites/digest.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { hashLeafText } from "../../crypto/suites/merkle.ts";
import { createSignatureQueue, inRuns, type Queued } from "../contract.ts";
import { leafText } from "../log/leaf.ts";
import { appendLeaf, type CompactRange, EMPTY_RANGE, rootOf } from "../log/tree.ts";
import type { LedgerEntry } from "../port.ts";
import { formProblems } from "./form.ts";
import { memoryStore } from "./memory-store.ts";
import { collectFindings, type Problem } from "./problems.ts";
import { TrustFile } from "./trust.ts";
import { indexTrust, outdatedProblem, type TrustIndex } from "./trust-index.ts";

/** A record as a store keeps it: `text` is the leaf, the canonical JSON of {time, transaction}. */
export interface StoredEntry {
  readonly position: number;
  readonly text: string;
}

/** The one stored form of an entry. */
export const storedForm = ({ position, ...leaf }: LedgerEntry): StoredEntry => ({
  position,
  text: canonicalJson(leaf),
});

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
 * a report; only a failing stream rejects. `store` is empty and holds the contract's state: see nodes/cli/spilled-state.ts for
 * ledgers whose state is larger than memory.
 */
export async function verifyReplica(
  entries: AsyncIterable<StoredEntry> | Iterable<StoredEntry>,
  checkpoint: string,
  trust: unknown,
  store: StateStore = memoryStore(),
): Promise<ReplicaReport> {
  const pinned = openTrust(trust);
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
  for await (const run of signatures.inOrder(readAll(entries))) {
    for (const read of run) {
      if (read.problem !== undefined) return answer(read.problem);
      const problem = await replay({ store, read, previous: time, verify: signatures.verify });
      if (problem !== undefined) return answer(problem);
      range = appendLeaf(range, hashLeafText(read.leaf)).range;
      time = read.time;
      const fork = forkProblem(pinned.index, range);
      if (fork !== undefined) return answer(fork);
    }
  }
  return answer(
    checkpointProblem(pinned.index, checkpoint, range) ??
      lossProblem(pinned.index, range) ??
      (await stateProblem(pinned.index, store, range.size)),
  );
}

/** An entry in its one form, or what is wrong with it. */
interface Read extends Queued {
  readonly position: number;
  readonly leaf: string;
  readonly time: string;
  readonly transaction: unknown;
  /** Canonical text of the transaction. */
  readonly text: string;
  readonly problem?: Problem;
}

/** Every entry parsed, until the first that is at the wrong place or not in its one form. */
async function* readAll(entries: AsyncIterable<StoredEntry> | Iterable<StoredEntry>): AsyncIterable<readonly Read[]> {
  let position = 0;
  for await (const run of inRuns(entries)) {
    const reads: Read[] = [];
    for (const entry of run) {
      const read = readEntry(entry, position);
      reads.push(read);
      if (read.problem !== undefined) return yield reads;
      position += 1;
    }
    yield reads;
  }
}

function readEntry({ position: at, text: leaf }: StoredEntry, position: number): Read {
  const bad = (code: Problem["code"], values: Problem["values"] = {}): Read => {
    const problem = { where: `/${position}`, code, values };
    return { position, leaf, time: "", transaction: undefined, text: "", problem };
  };
  const parsed = parseJson(leaf);
  if (parsed === undefined) return bad("not-json");
  if (!isLeaf(parsed)) return bad("ledger-entry");
  if (at !== position) return bad("position-gap", { expected: position, got: at });
  if (!isCanonicalText(leaf, parsed)) return bad("not-canonical");
  const { time, transaction } = parsed;
  return { position, leaf, time, transaction, text: leaf.slice(leafText(time, "").length - 1, -1) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/;

/** The leaf holds {time, transaction} and no more. */
function isLeaf(leaf: unknown): leaf is Pick<LedgerEntry, "time" | "transaction"> {
  if (leaf === null || typeof leaf !== "object" || Object.keys(leaf).length !== 2) return false;
  const { time, transaction } = leaf as Partial<LedgerEntry>;
  return typeof time === "string" && INSTANT.test(time) && typeof transaction === "object";
}

async function replay({
  store,
  verify,
  read: { position, time, transaction, text },
  previous,
}: {
  readonly store: StateStore;
  readonly verify: Host["verify"];
  readonly read: Read;
  readonly previous: string | undefined;
}): Promise<Problem | undefined> {
  const problem = (code: Problem["code"], values: Problem["values"] = {}): Problem => ({
    where: `/${position}`,
    code,
    values,
  });
  if (time !== previous) {
    const millis = Date.parse(time);
    if (Number.isNaN(millis)) return problem("instant", { got: time });
    if (previous !== undefined && millis < Date.parse(previous)) return problem("time-order", { previous, got: time });
  }
  const outcome = await execute({ store, time, position, logSize: position, verify }, transaction, text);
  if (!outcome.ok) {
    return problem("rejected", { rule: outcome.code, field: outcome.field ?? "", detail: outcome.message });
  }
  return outcome.repeats === undefined ? undefined : problem("repeated", { first: outcome.repeats });
}

function openTrust(trust: unknown): { readonly index: TrustIndex } | { readonly problem: Problem } {
  const under = (problem: Problem): Problem => ({ ...problem, where: `/trust${problem.where}` });
  const [malformed] = formProblems(TrustFile, trust);
  if (malformed !== undefined) return { problem: under(malformed) };
  const findings = collectFindings();
  const index = indexTrust(trust as TrustFile, findings);
  const [wrong] = findings.problems;
  if (index.file.fabric !== undefined) {
    // No checkpoint covers this copy: the peers' blocks do, and evidence carries them.
    return { problem: { where: "/trust/fabric", code: "proof-kind", values: { got: "fabric" } } };
  }
  return wrong === undefined ? { index } : { problem: under(wrong) };
}

function checkpointProblem(trust: TrustIndex, note: string, range: CompactRange): Problem | undefined {
  const opened = trust.openCheckpoint(note);
  if (!opened.ok) return outdated(trust, note) ?? { where: "/checkpoint", code: opened.code, values: opened.values };
  const { size, root } = opened.signed.checkpoint;
  if (size !== range.size) {
    return { where: "/checkpoint", code: "size-mismatch", values: { expected: size, got: range.size } };
  }
  if (Buffer.compare(root, rootOf(range)) !== 0) {
    return { where: "/checkpoint", code: "root-mismatch", values: { expected: toBase64url(root) } };
  }
  return undefined;
}

function outdated(trust: TrustIndex, note: string): Problem | undefined {
  const problem = outdatedProblem(trust, [], [note]);
  return problem && { ...problem, where: `/trust${problem.where}` };
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
