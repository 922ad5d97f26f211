/** The value releases this node has signed a view of, over all computations: one list, whatever runs at the same time. */
import { hash } from "node:crypto";
import {
  readAgreement,
  readComputationOpened,
  readComputationStep,
  readComputations,
  readJoinOpened,
} from "../../chaincode/rules/keys.ts";
import type { JoinEnded, QueryAnswered } from "../../chaincode/rules/records.ts";
import type { HistoryEntry } from "../../crypto/secagg/history.ts";
import type { RecordStore } from "../../exchange/requests/ports.ts";
import { uuidOf } from "../../exchange/requests/record.ts";
import type { Ledger, TransactionBody } from "../../ledger/port.ts";

/** An answer to an encrypted query is a release like that of a computation: what a history knows it by. */
export const queryReleaseId = (agreement: string, number: number): string =>
  uuidOf({ query: `${agreement}/${number}` });

export interface ReleaseHistory {
  /** Reads what is stored, once; await it before the first step. */
  load(): Promise<void>;
  entries(): readonly HistoryEntry[];
  /** Is there a release of this computation? */
  has(computation: string): boolean;
  /** At the step that signs, before any other step can ask. */
  remember(entry: HistoryEntry): void;
  /** Durable before the view leaves. */
  keep(entry: HistoryEntry): Promise<void>;
}

export function createReleaseHistory(store: RecordStore<HistoryEntry>): ReleaseHistory {
  const entries: HistoryEntry[] = [];
  const computations = new Set<string>();
  const share = createSharing();
  const add = (entry: HistoryEntry) => {
    const { sets, cells, groups } = entry;
    const named = groups === undefined ? {} : { groups: share(groups) };
    entries.push({ ...entry, sets: share(sets), cells: share(cells), ...named });
    computations.add(entry.computation);
  };
  let loaded: Promise<void> | undefined;
  const read = async () => {
    for await (const [, entry] of store.entries()) add(entry);
  };
  return Object.freeze({
    load() {
      loaded ??= read();
      return loaded;
    },
    entries: () => entries,
    has: (computation: string) => computations.has(computation),
    remember: add,
    keep: (entry: HistoryEntry) => store.put(entry.computation, entry),
  });
}

/** A history is in memory for ever, and the same question has the same cells and contributors each time: one copy of them. */
function createSharing(): <T extends object>(value: T) => T {
  const known = new Map<string, object>();
  return <T extends object>(value: T) => {
    const key = hash("sha256", JSON.stringify(value), "base64url");
    const same = known.get(key);
    if (same === undefined) known.set(key, value);
    return (same ?? value) as T;
  };
}

/**
 * Finds computations whose sums R had, with this member's table in them, that the history knows nothing of: the store
 * was restored from an older backup. What a later release may tell apart can then not be judged. Every record is looked
 * at once: a ledger grows, and this is asked for every computation.
 */
export interface ForgottenReleases {
  /** One such computation over this asset, or undefined. */
  of(asset: string): Promise<string | undefined>;
}

/** What a join told is a release like that of a computation. */
export const joinReleaseId = (run: string): string => `join ${run}`;

const ENDS: readonly string[] = ["result.release", "result.withhold"];
const ANSWER = "query.answer";
const JOIN_END = "join.end";

type JoinEnd = TransactionBody<"join.end">;
const isTold = ({ outcome }: JoinEnd): boolean => outcome === "released";

type Answer = Pick<TransactionBody<"query.answer">, "agreement" | "number">;
interface Ended {
  readonly computations: readonly string[];
  readonly answers: readonly Answer[];
  /** Runs of joins that told something. */
  readonly joins: readonly string[];
}

export function createForgottenReleases(
  ledger: Pick<Ledger, "get" | "range" | "entries" | "status">,
  self: string,
  history: Pick<ReleaseHistory, "has" | "load">,
): ForgottenReleases {
  const forgotten = new Map<string, string>();
  let seen = 0;
  let looking: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    await history.load();
    const { height } = await ledger.status();
    const ended = seen === 0 ? await endedByState() : await endedSince(seen, height);
    for (const computation of ended.computations) if (!history.has(computation)) await keepForgotten(computation);
    for (const { agreement, number } of ended.answers) {
      const release = queryReleaseId(agreement, number);
      const concluded = history.has(release) ? undefined : await readAgreement(ledger, agreement);
      if (concluded?.provider === self) forgotten.set(concluded.agreement.asset, release);
    }
    for (const run of ended.joins) if (!history.has(joinReleaseId(run))) await keepForgottenJoin(run);
    seen = height;
  }

  async function endedByState(): Promise<Ended> {
    const all = await readComputations(ledger);
    const hadSums = all.filter(({ state }) => state === "released" || state === "withheld");
    const answers: Answer[] = [];
    for await (const [, { body }] of ledger.range<QueryAnswered>("query-answered/")) answers.push(body);
    const joins: string[] = [];
    for await (const [, { body }] of ledger.range<JoinEnded>("join-ended/")) if (isTold(body)) joins.push(body.run);
    return { computations: hadSums.map(({ computation }) => computation), answers, joins };
  }

  async function endedSince(from: number, to: number): Promise<Ended> {
    const computations: string[] = [];
    const answers: Answer[] = [];
    const joins: string[] = [];
    for await (const { transaction } of ledger.entries(from, to - from)) {
      const { type, body } = transaction.statement;
      if (ENDS.includes(type)) computations.push((body as { computation: string }).computation);
      if (type === ANSWER) answers.push(body as Answer);
      if (type === JOIN_END && isTold(body as JoinEnd)) joins.push((body as JoinEnd).run);
    }
    return { computations, answers, joins };
  }

  async function keepForgottenJoin(run: string): Promise<void> {
    const opened = await readJoinOpened(ledger, run);
    if (opened?.provider !== self) return;
    const concluded = await readAgreement(ledger, opened.body.agreement);
    if (concluded !== undefined) forgotten.set(concluded.agreement.asset, joinReleaseId(run));
  }

  async function keepForgotten(computation: string): Promise<void> {
    const close = await readComputationStep(ledger, computation, "close-2");
    if (!close?.members.includes(self)) return;
    const opened = await readComputationOpened(ledger, computation);
    const own = opened?.body.cohort.find(({ member }) => member === self);
    if (own !== undefined) forgotten.set(own.asset, computation);
  }

  return Object.freeze({
    async of(asset: string) {
      looking = looking.catch(() => undefined).then(look);
      await looking;
      return forgotten.get(asset);
    },
  });
}
