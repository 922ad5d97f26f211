/**
 * Keeps, sends and takes the messages of one protocol. What this side wants next is asked of `next` whenever a process
 * has moved and after a start, so nothing is owed by memory alone; what is on its way is on disk first, with the time
 * of its next try.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { digestOf } from "../../crypto/suites/digest.ts";
import { joined } from "../../exchange/protocol/paths.ts";
import type { ProcessDocument, Protocol } from "../../exchange/protocol/protocol.ts";
import { acknowledged, newSide, sends, takes, withdrawn } from "../../exchange/protocol/side.ts";
import { causeOf, otherRole, type Role } from "../../exchange/protocol/vocabulary.ts";
import { uuidOf } from "../../exchange/requests/record.ts";
import { problemLine } from "../../policies/model/problem.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import { createKeyedQueue } from "../computations/keyed-queue.ts";
import type { RecordStore } from "../store/records.ts";
import { DataspaceError, unknownProcess } from "./dataspace-error.ts";
import type { Delivery, ProcessRecord } from "./process-record.ts";
import { createTimers } from "./timers.ts";

/** Of a message on its way: pauses between tries, and when to stop. */
export interface Patience {
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  readonly giveUpMs: number;
  /** Tries after an answer that may be final: a member whose replica or clock is behind gives the same one. */
  readonly doubtfulTries: number;
}
export const PATIENCE: Patience = Object.freeze({
  firstPauseMs: 200,
  longestPauseMs: 60_000,
  giveUpMs: 24 * 60 * 60_000,
  doubtfulTries: Number.POSITIVE_INFINITY,
});

/** Between tries of what stands, once `giveUpMs` is over. */
const STANDING_PAUSE_MS = 60 * 60_000;
/** How long a question about the state waits for the answer to a message that is on its way. */
const SETTLING_MS = 1_000;
const KEPT_STEPS = 32;
/** Processes that one participant has begun here and that are not over. */
export const MOST_OPEN = 1_000;

export interface ProcessPorts<D extends ProcessDocument, M extends { readonly "@type": string }> {
  readonly protocol: Protocol<D, M>;
  readonly records: RecordStore<ProcessRecord<D, M>>;
  /** Pids of processes that are not over: what a start must look at. Need not outlive a power cut before `records`. */
  readonly open: RecordStore<true>;
  /** UTC with Z. */
  readonly now: () => string;
  readonly post: (peer: string, url: string, message: M, signal: AbortSignal) => Promise<Delivery>;
  /** The other side's word on the state; undefined where it cannot be had. */
  readonly ask: (peer: string, url: string, signal: AbortSignal) => Promise<unknown>;
  /** May this participant begin with this message? Says why not. */
  readonly admits: (
    peer: string,
    message: M,
  ) => Promise<{ readonly code: string; readonly detail: string } | undefined>;
  /** What this side wants to say now; the same answer for the same record, or one for a later state. */
  readonly next: (record: ProcessRecord<D, M>) => Promise<M | undefined>;
  /** May the other side say this now? Says why not; throws for "not yet". */
  readonly mayTake?: (
    record: ProcessRecord<D, M>,
    message: M,
  ) => Promise<{ readonly code: string; readonly detail: string } | undefined>;
  /** What the message on its way says stands for everyone to see: the process never ends for want of an answer. */
  readonly stands?: (record: ProcessRecord<D, M>) => Promise<boolean>;
  /** Told of every change, after it is on disk, and at the start of every process that is not over. */
  readonly onMoved?: (record: ProcessRecord<D, M>) => void;
  readonly onError: (pid: string, error: unknown) => void;
  readonly patience?: Patience;
}

export interface Processes<D extends ProcessDocument, M> {
  /** This side begins; `pid` is what its message calls the process. The same pid again goes on with what there is. */
  begin(about: {
    readonly pid: string;
    readonly peer: string;
    readonly address: string;
    readonly message: M;
  }): Promise<void>;
  /** A first message of the other side. Idempotent on its pid. */
  takeFirst(peer: string, body: unknown, type: string): Promise<D>;
  take(peer: string, pid: string, body: unknown, type: string): Promise<D>;
  /** For the other participant. */
  show(peer: string, pid: string): Promise<D>;
  find(pid: string): Promise<ProcessRecord<D, M> | undefined>;
  /** Asks `next` again, because something outside the process has changed. */
  poke(pid: string): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createProcesses<D extends ProcessDocument, M extends { readonly "@type": string }>(
  ports: ProcessPorts<D, M>,
): Processes<D, M> {
  type Record = ProcessRecord<D, M>;
  const { protocol, records, patience = PATIENCE } = ports;
  const { moves, paths, collection } = protocol;
  const oneAtATime = createKeyedLock();
  const attempts = new Map<string, { readonly abort: () => void; readonly settled: Promise<void> }>();
  const timers = createTimers(ports.now);
  const queue = createKeyedQueue({
    run: (pid) => drive(pid),
    isPassing: () => true,
    onError: ports.onError,
  });

  const isOver = ({ side }: Record): boolean =>
    side.sending === undefined && (side.document === undefined || protocol.isOver(side.document));

  /** Pids whose mark this run has written or read. */
  const marked = new Set<string>();
  /** By participant: what it has begun and is not over. */
  const begun = new Map<string, Set<string>>();
  function count({ pid, peer, first }: Record): void {
    if (first === undefined) return;
    const theirs = begun.get(peer) ?? new Set();
    begun.set(peer, theirs.add(pid));
  }

  async function unmark(pid: string, peer?: string): Promise<void> {
    marked.delete(pid);
    if (peer !== undefined) begun.get(peer)?.delete(pid);
    await ports.open.delete(pid);
  }

  async function keep(record: Record): Promise<void> {
    // The mark lies before the record and outlives it: both are in one log, so it is on disk once the record is.
    if (!isOver(record) && !marked.has(record.pid)) {
      await ports.open.put(record.pid, true);
      marked.add(record.pid);
    }
    await records.put(record.pid, record);
    if (isOver(record)) await unmark(record.pid, record.peer);
    else count(record);
    ports.onMoved?.(record);
    if (!isOver(record)) queue.poke(record.pid);
  }

  function parsed(body: unknown, type: string): M {
    const result = protocol.parse(body, [type as M["@type"]]);
    if (result.ok) return result.message;
    const reasons = result.problems.map(problemLine);
    throw new DataspaceError("ERR_DATASPACE_MESSAGE", { code: "message-malformed", reasons });
  }

  async function taken(record: Record, message: M): Promise<D> {
    const { peer, pid } = record;
    const result = takes(moves, record.side, message, digestOf(message), pid);
    if (!result.ok) {
      const code = result.code === "crossed" ? "ERR_DATASPACE_CROSSED" : "ERR_DATASPACE_REFUSED";
      const said = { code: result.code, reasons: [result.detail] };
      throw new DataspaceError(code, said, record.side.document);
    }
    const { document } = result.side;
    if (result.repeated) return document;
    const { address, first } = record;
    const history = stepped(record, otherRole(record.side.role), message, document.state);
    await keep({ pid, peer, address, side: result.side, history, ...(first === undefined ? {} : { first }) });
    // What was on its way has been answered by this message, or gives way to it.
    attempts.get(pid)?.abort();
    return document;
  }

  function stepped({ history = [] }: Record, by: Role, message: M, state: string): NonNullable<Record["history"]> {
    const step = { at: ports.now(), by, message: message["@type"], digest: digestOf(message), state };
    return [...history.slice(1 - KEPT_STEPS), step];
  }

  /** `record` with a message on its way. Throws where the table has no such move. */
  function sending(record: Record, message: M): Record {
    const { side } = record;
    const result = sends(moves, side, message);
    const step = moves.step(side.document, side.role, message, "unknown");
    if (!result.ok || !step.ok) {
      const { code, detail } = result.ok ? (step as Extract<typeof step, { ok: false }>) : result;
      throw new DataspaceError("ERR_DATASPACE_REFUSED", { code, reasons: [detail] });
    }
    const now = ports.now();
    const history = stepped(record, side.role, message, step.document.state);
    return { ...record, side: result.side, history, delivery: { since: now, tries: 0, due: now } };
  }

  /** One thing this side owes the process; runs again after every change. */
  async function drive(pid: string): Promise<void> {
    const record = await records.get(pid);
    if (record === undefined || isOver(record)) return await unmark(pid, record?.peer);
    if (record.side.sending !== undefined) return await deliver(record, record.side.sending);
    const message = await ports.next(record);
    if (message === undefined || message["@type"] === record.refusal?.type) return;
    await oneAtATime(pid, async () => {
      if (!isDeepStrictEqual(await records.get(pid), record)) return queue.poke(pid);
      await keep(sending(record, message));
    });
  }

  async function deliver(record: Record, message: M): Promise<void> {
    const { pid, peer } = record;
    const delivery = record.delivery ?? { since: ports.now(), tries: 0, due: ports.now() };
    if (timers.isAhead(delivery.due)) return timers.at(pid, delivery.due, () => queue.poke(pid));
    const controller = new AbortController();
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    const attempt = { abort: () => controller.abort(), settled };
    attempts.set(pid, attempt);
    try {
      let outcome = await ports.post(peer, urlOf(record, message), message, controller.signal);
      if (outcome.kind === "refused" && (await hasArrived(record, message, controller.signal))) {
        outcome = { kind: "taken", answer: undefined };
      }
      await oneAtATime(pid, () => settle(record, message, delivery, outcome));
    } finally {
      if (attempts.get(pid) === attempt) attempts.delete(pid);
      resolve();
    }
  }

  /** An earlier try may have been taken although its answer was lost: then the refusal is about the second one. */
  async function hasArrived(record: Record, message: M, signal: AbortSignal): Promise<boolean> {
    const { side, peer, address } = record;
    const pid = side.document === undefined ? undefined : theirPid(record, side.document);
    if (pid === undefined) return false;
    const told = protocol.stateOf(await ports.ask(peer, joined(address, collection, pid), signal));
    const after = moves.step(side.document, side.role, message, pid);
    return after.ok && told?.state === after.document.state;
  }

  async function settle(
    sent: Record,
    message: M,
    delivery: NonNullable<Record["delivery"]>,
    outcome: Delivery,
  ): Promise<void> {
    const current = await records.get(sent.pid);
    // Meanwhile the other side has said something that answered or overtook this message.
    if (current?.side.sending === undefined || !isDeepStrictEqual(current.side.sending, message)) return;
    const { delivery: _, ...record } = current;
    const confirmed = outcome.kind === "taken" ? confirmation(record, outcome.answer) : undefined;
    if (confirmed !== undefined) return await keep(confirmed);
    if (outcome.kind === "taken") outcome = { kind: "passing", code: "answer-without-pid", doubtful: true };
    const now = ports.now();
    const tries = delivery.tries + 1;
    const isOverdue = Date.parse(now) - Date.parse(delivery.since) > patience.giveUpMs;
    const stands = isOverdue && (await ports.stands?.(record)) === true;
    const isLate = isOverdue && !stands;
    const isHopeless = outcome.kind === "passing" && (isLate || (outcome.doubtful && tries >= patience.doubtfulTries));
    if (outcome.kind === "passing" && !isHopeless) {
      const growing = Math.min(patience.firstPauseMs * 2 ** (tries - 1), patience.longestPauseMs);
      const pause = stands ? STANDING_PAUSE_MS : growing;
      const due = new Date(Date.parse(now) + pause).toISOString();
      return await keep({ ...record, delivery: { since: delivery.since, tries, due } });
    }
    const reasons = outcome.kind === "refused" ? outcome.reasons : [];
    const refusal = { type: message["@type"], code: outcome.code, reasons, at: now };
    const side = withdrawn(record.side);
    if (!isLate || side.document === undefined) return await keep({ ...record, side, refusal });
    const document = protocol.ended(side.document, side.role, causeOf("peer-unreachable", outcome.code));
    await keep({ ...record, side: { ...side, document }, refusal });
  }

  /** Undefined where a process begins and the answer does not say what the other side calls it. */
  function confirmation({ refusal: _, ...record }: Record, answer: unknown): Record | undefined {
    const { side } = record;
    const told = protocol.stateOf(answer);
    const pid = side.role === "consumer" ? told?.providerPid : told?.consumerPid;
    if (side.document === undefined && pid === undefined) return undefined;
    const result = acknowledged(moves, side, pid ?? "");
    return result.ok ? { ...record, side: result.side } : undefined;
  }

  function theirPid({ side }: Record, document: D): string {
    return side.role === "consumer" ? document.providerPid : document.consumerPid;
  }

  function urlOf(record: Record, message: M): string {
    const { address, side } = record;
    const type: M["@type"] = message["@type"];
    if (side.document === undefined) return joined(address, collection, paths.first[type] ?? "");
    return joined(address, collection, encodeURIComponent(theirPid(record, side.document)), paths.later[type] ?? "");
  }

  return Object.freeze({
    async begin({ pid, peer, address, message }) {
      await oneAtATime(pid, async () => {
        if ((await records.get(pid)) !== undefined) return queue.poke(pid);
        await keep(sending({ pid, peer, address, side: newSide(protocol.opensAs(message)) }, message));
      });
    },
    async takeFirst(peer, body, type) {
      const message = parsed(body, type);
      const role = otherRole(protocol.opensAs(message));
      const theirs = moves.pidOf(message, otherRole(role));
      const address = protocol.callbackOf(message);
      if (address === undefined || moves.pidOf(message, role) !== undefined) {
        const reasons = ["a first message has a callbackAddress, and no id of this side"];
        throw new DataspaceError("ERR_DATASPACE_MESSAGE", { code: "message-malformed", reasons });
      }
      // A function of theirs, so that a repeated one finds the first.
      const pid = uuidOf({ collection, role, peer, pid: theirs });
      return await oneAtATime(pid, async () => {
        const kept = await records.get(pid);
        if (kept === undefined) {
          if ((begun.get(peer)?.size ?? 0) >= MOST_OPEN) {
            const reasons = [`${MOST_OPEN} processes are open: wait until one is over`];
            throw new DataspaceError("ERR_DATASPACE_BUSY", { code: "too-many-open", reasons });
          }
          const refused = await ports.admits(peer, message);
          const first = digestOf(message);
          if (refused === undefined) return await taken({ pid, peer, address, side: newSide(role), first }, message);
          throw new DataspaceError("ERR_DATASPACE_REFUSED", { code: refused.code, reasons: [refused.detail] });
        }
        if (kept.first === digestOf(message) && kept.side.document !== undefined) return kept.side.document;
        const reasons = ["the id belongs to another process: choose a new one"];
        throw new DataspaceError("ERR_DATASPACE_REFUSED", { code: "pid-taken", reasons }, kept.side.document);
      });
    },
    async take(peer, pid, body, type) {
      return await oneAtATime(pid, async () => {
        const record = await records.get(pid);
        // Before anything else is looked at: what a stranger sends must not show whether the process exists.
        if (record?.peer !== peer) throw unknownProcess();
        const message = parsed(body, type);
        const refused = await ports.mayTake?.(record, message);
        if (refused === undefined) return await taken(record, message);
        const said = { code: refused.code, reasons: [refused.detail] };
        throw new DataspaceError("ERR_DATASPACE_REFUSED", said, record.side.document);
      });
    },
    async show(peer, pid) {
      if ((await records.get(pid))?.peer !== peer) throw unknownProcess();
      // Whoever has just acknowledged a message may ask before the acknowledgement is here and on disk.
      const attempt = attempts.get(pid);
      if (attempt !== undefined) await Promise.race([attempt.settled, sleep(SETTLING_MS, undefined, { ref: false })]);
      const document = (await records.get(pid))?.side.document;
      if (document === undefined) throw unknownProcess();
      return document;
    },
    find: (pid) => records.get(pid),
    poke: (pid) => queue.poke(pid),
    async start() {
      for await (const [pid] of ports.open.entries()) {
        marked.add(pid);
        const record = await records.get(pid);
        if (record !== undefined && !isOver(record)) {
          count(record);
          ports.onMoved?.(record);
        }
        queue.poke(pid);
      }
    },
    async stop() {
      timers.stop();
      for (const attempt of attempts.values()) attempt.abort();
      await queue.stop();
    },
  } satisfies Processes<D, M>);
}
