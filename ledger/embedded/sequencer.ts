/**
 * The sequencer of the embedded ledger: orders, executes, commits in groups, signs checkpoints, gathers the quorum.
 * One group commit is in flight at a time; what arrives meanwhile forms the next one, which is executed in memory while
 * the first waits for its quorum where that is worth it.
 */
import type { Transaction } from "../../chaincode/rules/transactions.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import { originOf, parseCheckpoint, signCheckpoint } from "../log/checkpoint.ts";
import { isBy, type NoteKey, noteKey } from "../log/note.ts";
import { type Ledger, LedgerError, type SignedTransaction } from "../port.ts";
import type { Chain, Prepared, Staged } from "./chain.ts";
import { cosignedNote } from "./cosigned-note.ts";
import { entriesOf } from "./delivery.ts";
import type { ForkEvidence } from "./fork.ts";
import { gatherGroup } from "./gathering.ts";
import { readGovernance } from "./governance.ts";
import { openChain } from "./open-chain.ts";
import { createPresence } from "./presence.ts";
import { collectQuorum, type QuorumCollector } from "./quorum.ts";
import { createQuota, type QuotaOptions } from "./quota.ts";
import { readsOf } from "./reads.ts";
import type { SequencerApi, SubmitAnswer } from "./sequencer-api.ts";
import type { SequencerCore } from "./sequencer-core.ts";
import { createSequencerApi } from "./sequencer-service.ts";
import type { LogStore } from "./store.ts";
import { createSubmissionQueue, type Submission } from "./submissions.ts";

export interface SequencerOptions {
  readonly store: LogStore;
  readonly network: string;
  /** The member's identity key signs checkpoints. Read anew for each one, so a getter can follow a key rotation. */
  readonly identity: SigningIdentity;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Entries per group commit; default 512: so many that what each costs is small, so few that several are under way. */
  readonly maxBatch?: number;
  /** Transactions waiting before ERR_LEDGER_FULL; default 20,000. */
  readonly maxQueue?: number;
  /** How long a submission waits for the quorum before ERR_LEDGER_NO_QUORUM; default 30 s. It stays pending. */
  readonly quorumTimeoutMs?: number;
  /** What each member may hand in; see quota.ts. This node's own records are not counted. */
  readonly quota?: Omit<QuotaOptions, "now">;
  readonly onFork?: (evidence: ForkEvidence) => void;
  /**
   * Signed votes that carry the replacement of a lost sequencer by this member, opened over its own replica's store:
   * they become the first records after the checkpoint they name. Needed once; afterwards the ledger itself says so.
   */
  readonly takeover?: readonly SignedTransaction[];
}

/** `ledger` is this node's own port; `api` answers the replicas. Closing the ledger closes both and the store. */
export interface Sequencer {
  readonly ledger: Ledger;
  readonly api: SequencerApi;
}

/** Opens the sequencer over its store. Throws LedgerError ERR_LEDGER_CORRUPT when log, tree and state disagree. */
export async function createSequencer(options: SequencerOptions): Promise<Sequencer> {
  const { maxBatch = 512, maxQueue = 20_000, quorumTimeoutMs = 30_000 } = options;
  const chain = await openChain(options.store, options.network);
  const heldAtOpening = chain.tail()?.prepared.range.size ?? chain.head().size;
  const takeover = await prepareTakeover(chain, options);
  const closing = new AbortController();
  const queue = createSubmissionQueue({
    maxQueue,
    timeoutMs: quorumTimeoutMs,
    quota: createQuota({ now: options.now, ...options.quota }),
  });
  let collector: QuorumCollector | undefined;
  let ahead: Promise<Executed | undefined> | undefined;
  let lastCommitMs = 0;
  let halted: LedgerError | undefined;
  // Replaced by vote: orders nothing more, but still tells the others what it ordered last.
  let retired: LedgerError | undefined;

  const halt = (error: LedgerError): void => {
    halted ??= error;
    queue.fail(halted);
    closing.abort();
  };
  const core: SequencerCore = {
    chain,
    collector: () => collector,
    halted: () => halted,
    halt,
    signal: closing.signal,
  };
  const presence = createPresence(core, {
    member: options.identity.member,
    now: options.now,
    ...(options.onFork && { onFork: options.onFork }),
  });

  // Before anyone can see the checkpoint, so that no cosignature comes too early.
  const expectQuorum = (checkpoint: string): void => {
    collector = collectQuorum(checkpoint, logKeyOf(checkpoint, chain, options.identity), chain.governance());
    if (!chain.governance().cosigners.has(options.identity.member)) return;
    collector.add(options.identity.member, cosignedNote(checkpoint, options));
  };

  /** Waits for the quorum over the staged tail and commits it. False when closed meanwhile. */
  async function acknowledge(): Promise<boolean> {
    const checkpoint = await collector?.reached(closing.signal);
    if (checkpoint === undefined) return false;
    await chain.commit(checkpoint);
    collector = undefined;
    return true;
  }

  /** The group that was executed ahead, or else the oldest submissions. Undefined: nothing waits. */
  async function nextGroup(): Promise<Executed | undefined> {
    const early = await ahead;
    ahead = undefined;
    if (early !== undefined) return early;
    const group = await gatherGroup(
      { state: chain.state, queue, maxBatch, now: options.now, signal: closing.signal },
      lastCommitMs,
    );
    return group.length === 0 ? undefined : execute(group);
  }

  async function execute(group: readonly Submission[], over?: Staged): Promise<Executed> {
    const executed = await executeGroup(chain, group, options.now(), over);
    queue.putBack(executed.rest);
    return executed;
  }

  /** Nothing of it is signed or on disk before what it was executed over is acknowledged. */
  async function executeAhead(over: Staged): Promise<Executed | undefined> {
    while (queue.size() < MANY) {
      await Promise.race([queue.bell.wait(closing.signal), chain.bell.wait(closing.signal)]);
      if (chain.tail() !== over || closing.signal.aborted) return undefined;
    }
    return execute(queue.take(maxBatch), over);
  }

  async function commitGroup({ prepared, answers }: Executed): Promise<void> {
    if (prepared.entries.length > 0) {
      const checkpoint = signHead(chain, prepared, options.identity);
      expectQuorum(checkpoint);
      await chain.stage(prepared, checkpoint, { sync: true });
      // What changes keys or members may change who signs and who executes what comes next.
      if (!prepared.governs) ahead = executeAhead(chain.tail()!);
      ahead?.catch(() => undefined);
      if (!(await acknowledge())) return;
    }
    for (const { submission, answer } of answers) submission.answer(await answer());
    retireIfReplaced();
  }

  function retireIfReplaced(): void {
    const { sequencer } = chain.governance();
    if (sequencer === undefined || sequencer === options.identity.member) return;
    retired = notSequencer(sequencer, options);
    queue.fail(retired);
  }

  async function commitTakeover(votes: readonly SignedTransaction[]): Promise<void> {
    const rejected: string[] = [];
    const group = votes.map((transaction) => ({
      transaction,
      text: "",
      length: 0,
      answer: (answer: SubmitAnswer) => {
        if (!answer.ok) rejected.push(answer.message);
      },
    }));
    await commitGroup(await execute(group));
    const { sequencer } = chain.governance();
    if (sequencer !== options.identity.member && !closing.signal.aborted) {
      throw new LedgerError("ERR_LEDGER_REJECTED", `takeover: not carried by these votes; ${rejected.join("; ")}`);
    }
  }

  async function run(): Promise<void> {
    try {
      await presence.complete();
      if (chain.tail() !== undefined && !(await acknowledge())) return;
      if (takeover.length > 0) await commitTakeover(takeover);
      // The staged records may have named another one.
      else retireIfReplaced();
      while (!closing.signal.aborted && retired === undefined) {
        // Listened for before looking: what comes in between must not be missed.
        const rung = queue.bell.wait(closing.signal);
        const executed = await nextGroup();
        // Halted while it gathered: nothing more is signed.
        if (closing.signal.aborted) return;
        if (executed === undefined) {
          await rung;
          continue;
        }
        const startedAt = options.now();
        await commitGroup(executed);
        lastCommitMs = options.now() - startedAt;
      }
    } catch (error) {
      // A store that failed once may hold the group commit or not: only opening it again tells.
      halt(
        error instanceof LedgerError
          ? error
          : new LedgerError("ERR_LEDGER_FULL", "ledger store: write failed; free space and restart", { cause: error }),
      );
    } finally {
      await ahead?.catch(() => undefined);
    }
  }
  const staged = chain.tail();
  if (staged !== undefined) expectQuorum(staged.checkpoint);
  const running = run();

  const submit = async (
    transactions: readonly SignedTransaction[],
    from?: string,
  ): Promise<readonly SubmitAnswer[]> => {
    const stopped = halted ?? retired;
    if (stopped !== undefined) throw stopped;
    return queue.add(transactions, from);
  };
  const ledger: Ledger = {
    ...readsOf(chain),
    submit: async (transactions) => entriesOf(await submit(transactions)),
    status: async () => ({
      kind: "embedded",
      network: options.network,
      height: chain.head().size,
      root: chain.root(),
      role: "sequencer",
      reachable: (halted ?? retired) === undefined,
      outbox: queue.size(),
      heldAtOpening,
    }),
    async close() {
      halted ??= new LedgerError("ERR_LEDGER_CLOSED", "ledger: closed");
      queue.fail(halted);
      closing.abort();
      await running;
      await options.store.close();
    },
  };
  return Object.freeze({
    ledger: Object.freeze(ledger),
    api: createSequencerApi(core, { submit, present: presence.present }),
  });
}

/** So many wait that the next group commit is worth executing before it may be staged. */
const MANY = 64;

function signHead(chain: Chain, prepared: Prepared, identity: SigningIdentity): string {
  const { log, sequencer } = chain.governance();
  const isCurrent = log === undefined || Buffer.compare(log.publicKey, identity.publicKey) === 0;
  if (sequencer === identity.member && !isCurrent) {
    throw new LedgerError("ERR_LEDGER_REJECTED", "identity: not the key that the ledger has for the sequencer now");
  }
  const head = { origin: originOf(chain.network), size: prepared.range.size, root: prepared.root };
  return signCheckpoint(head, identity);
}

/** The key in the checkpoint's signature line: the ledger's one for the sequencer, or this node's own (founding). */
function logKeyOf(text: string, chain: Chain, identity: SigningIdentity): NoteKey {
  const own = noteKey(originOf(chain.network), "note", identity);
  const { signatures } = parseCheckpoint(text).note;
  const keys = [chain.governance().log, own].filter((key) => key !== undefined);
  return keys.find((key) => signatures.some((signature) => isBy(key, signature))) ?? own;
}

/** The votes still to be recorded. Refuses a member that is not the sequencer and does not become it. */
async function prepareTakeover(chain: Chain, options: SequencerOptions): Promise<readonly SignedTransaction[]> {
  const { sequencer } = chain.governance();
  if (sequencer === undefined || sequencer === options.identity.member) return [];
  const staged = chain.tail()?.prepared;
  // Already under way when this node last stopped: the staged votes are finished, never made anew.
  if (staged !== undefined && (await becomesSequencer(staged, options))) return [];
  const statement = options.takeover?.[0]?.statement as Transaction<"vote.cast"> | undefined;
  const proposal = statement?.body.proposal;
  if (proposal?.kind !== "replace-sequencer" || proposal.sequencer !== options.identity.member) {
    throw notSequencer(sequencer, options);
  }
  const { size, root } = proposal.from;
  // Voted to keep the staged records: their quorum is gathered first, under the old sequencer's checkpoint.
  if (staged?.range.size === size && toBase64url(staged.root) === root) return options.takeover ?? [];
  if (chain.head().size !== size || chain.root() !== root) {
    throw new LedgerError(
      "ERR_LEDGER_REJECTED",
      `takeover: votes continue from size ${size}, this store stands at ${chain.head().size}; let the replica catch up`,
    );
  }
  if (staged !== undefined) await chain.dropTail();
  return options.takeover ?? [];
}

const becomesSequencer = async (staged: Prepared, { network, identity }: SequencerOptions): Promise<boolean> =>
  (await readGovernance(staged.overlay, network)).sequencer === identity.member;

const notSequencer = (sequencer: string, { identity }: SequencerOptions): LedgerError =>
  new LedgerError("ERR_LEDGER_REJECTED", `sequencer: the ledger names ${sequencer}, this node is ${identity.member}`);

interface Answered {
  readonly submission: Submission;
  /** Called when everything before it is acknowledged. */
  readonly answer: () => Promise<SubmitAnswer>;
}

interface Executed {
  readonly prepared: Prepared;
  readonly answers: readonly Answered[];
  /** Not looked at, because the group commit ends before them. */
  readonly rest: readonly Submission[];
}

/** Over the head, or `over` the tail. */
async function executeGroup(
  chain: Chain,
  group: readonly Submission[],
  now: number,
  over: Staged | undefined,
): Promise<Executed> {
  // Time never runs backwards on the ledger, whatever the clock does.
  const last = over?.prepared.time ?? chain.head().time;
  const time = new Date(Math.max(now, last === "" ? 0 : Date.parse(last))).toISOString();
  const answers: Answered[] = [];
  const prepared = await chain.prepare(
    group.map(({ transaction, text }) => ({ time, transaction, ...(text === "" ? {} : { text }) })),
    (outcome, entry) => {
      const submission = group[answers.length]!;
      if (!outcome.ok) {
        answers.push({ submission, answer: async () => outcome });
        return false;
      }
      const { repeats } = outcome;
      const answer = async (): Promise<SubmitAnswer> => ({
        ok: true,
        entry: repeats === undefined ? entry : await entryAt(chain, repeats),
      });
      answers.push({ submission, answer });
      return repeats === undefined;
    },
    over,
  );
  return { prepared, answers, rest: group.slice(answers.length) };
}

async function entryAt(chain: Chain, position: number) {
  for await (const entry of chain.entries(position, position + 1)) return entry;
  throw new LedgerError("ERR_LEDGER_CORRUPT", `ledger store: entry ${position} is missing`);
}
