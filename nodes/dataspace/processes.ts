/**
 * Keeps, sends and takes the messages of one protocol. What this side wants next is asked of `next` whenever a process
 * has moved and after a start, so nothing is owed by memory alone; what is on its way is on disk first, with the time
 * of its next try.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { digestOf } from "../../crypto/suites/digest.ts";
import type { ProcessDocument } from "../../exchange/protocol/protocol.ts";
import { newSide, withdrawn } from "../../exchange/protocol/side.ts";
import { type Cause, otherRole } from "../../exchange/protocol/vocabulary.ts";
import { uuidOf } from "../../exchange/requests/record.ts";
import { problemLine } from "../../policies/model/problem.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import { createKeyedQueue } from "../computations/keyed-queue.ts";
import { afterTry, mayBeOver, PATIENCE, type Untaken } from "./after-try.ts";
import { DataspaceError, unknownProcess } from "./dataspace-error.ts";
import { createEndedProcesses } from "./ended-processes.ts";
import { deadlineOf, deadlinePassed, type End, endOf, refusedCause } from "./endings.ts";
import { createOpenProcesses, MOST_OPEN, MOST_OPEN_BYTES } from "./open-processes.ts";
import type { Processes, ProcessPorts } from "./process-ports.ts";
import type { Delivery, ProcessRecord } from "./process-record.ts";
import { createSteps } from "./process-steps.ts";
import { createTimers } from "./timers.ts";

/** How long a question about the state waits for the answer to a message that is on its way. */
const SETTLING_MS = 1_000;

export function createProcesses<D extends ProcessDocument, M extends { readonly "@type": string }>(
  ports: ProcessPorts<D, M>,
): Processes<D, M> {
  type Record = ProcessRecord<D, M>;
  const { protocol, records, patience = PATIENCE } = ports;
  const { moves, collection } = protocol;
  const {
    isOver,
    sending,
    taking,
    confirmed,
    ended: over,
    declared,
    urlOf,
    stateUrlOf,
    isAfter,
    isOverThere,
  } = createSteps(protocol, ports.now);
  const oneAtATime = createKeyedLock();
  const attempts = new Map<string, { readonly abort: () => void; readonly settled: Promise<void> }>();
  const timers = createTimers(ports.now);
  const queue = createKeyedQueue({
    run: (pid) => drive(pid),
    isPassing: () => true,
    onError: ports.onError,
  });

  const open = createOpenProcesses(ports.open);
  const ended =
    ports.ended === undefined
      ? undefined
      : createEndedProcesses({
          ...ports.ended,
          now: ports.now,
          timers: createTimers(ports.now),
          forget,
        });

  async function keep(record: Record): Promise<void> {
    const { pid, peer } = record;
    const bytes = sizeOf(record);
    if (isOver(record)) {
      await ended?.mark(pid, peer, bytes);
      await records.put(pid, record);
      await open.unmark(pid, peer);
      timers.clear(pid);
      ports.onMoved?.(record);
      return;
    }
    // The mark lies before the record and outlives it.
    await open.mark(pid);
    await records.put(pid, record);
    open.count(record, bytes);
    ports.onMoved?.(record);
    queue.poke(pid);
  }

  function forget(pid: string): Promise<boolean> {
    return oneAtATime(pid, async () => {
      const record = await records.get(pid);
      if (record === undefined || !isOver(record)) return true;
      if ((await ports.ended?.isNeeded?.(record)) === true) return false;
      await ports.ended?.onForget?.(record);
      if (record.first !== undefined) await ports.ended?.gone.put(pid, true);
      await records.delete(pid);
      return true;
    });
  }

  function parsed(body: unknown, type: string): M {
    const result = protocol.parse(body, [type as M["@type"]]);
    if (result.ok) return result.message;
    const reasons = result.problems.map(problemLine);
    throw new DataspaceError("ERR_DATASPACE_MESSAGE", { code: "message-malformed", reasons });
  }

  async function taken(record: Record, message: M): Promise<D> {
    const { document, record: moved } = taking(record, message);
    if (moved === undefined) return document;
    if (!isOver(moved) && !open.fits(moved, sizeOf(moved))) throw busy();
    await keep(moved);
    // What was on its way has been answered by this message, or gives way to it.
    attempts.get(record.pid)?.abort();
    return document;
  }

  /** With a first message of the other side, which others may cross while this one is judged. */
  async function begun(record: Record & { readonly first: string }, message: M): Promise<D> {
    const { pid, peer } = record;
    if (!open.takePlace(record)) throw busy();
    try {
      const refused = await ports.admits(peer, message, pid);
      if (refused !== undefined) {
        throw new DataspaceError("ERR_DATASPACE_REFUSED", { code: refused.code, reasons: [refused.detail] });
      }
      await ports.begins?.(peer, message);
      return await taken(record, message);
    } catch (error) {
      open.leavePlace(record);
      throw error;
    }
  }

  /** One thing this side owes the process; runs again after every change. */
  async function drive(pid: string): Promise<void> {
    const record = await records.get(pid);
    if (record === undefined || isOver(record)) return await open.unmark(pid, record?.peer);
    if (record.side.sending !== undefined) return await deliver(record, record.side.sending);
    const word = await wordOn(record);
    if (word === undefined) return;
    await oneAtATime(pid, async () => {
      if (!isDeepStrictEqual(await records.get(pid), record)) return queue.poke(pid);
      await keep(word.kind === "say" ? sending(record, word.message) : endedBy(record, word));
    });
  }

  /** What this side says now, or that the process is over for it; undefined: it waits. */
  async function wordOn(record: Record): Promise<End<D, M> | undefined> {
    const { document } = record.side;
    const { refusal } = record;
    const { endings } = ports;
    const about = document === undefined ? undefined : { ...record, side: { ...record.side, document } };
    const due = about === undefined || endings === undefined ? undefined : deadlineOf(protocol, endings, about);
    const isOverdue = due !== undefined && !timers.isAhead(due);
    const wish = await ports.next(record).catch((error: unknown) => {
      if (isOverdue) return undefined;
      throw error;
    });
    const isRefused = wish !== undefined && wish["@type"] === refusal?.type;
    if (wish !== undefined && !isRefused) return { kind: "say", message: wish };
    const isEnd = isRefused && refusal?.isFinal !== false && ports.endsIfRefused?.(wish) === true;
    if (isEnd && about !== undefined) return { kind: "declare", cause: refusedCause(wish, refusal!) };
    if (about === undefined || endings === undefined || due === undefined) return undefined;
    const standing = isRefused || isOverdue ? await ports.stands?.(record) : undefined;
    if (standing !== undefined && isOverdue) return { kind: "stand", document: standing };
    const end = (cause: Cause) => endOf(protocol, endings, about, cause);
    if (isRefused && standing === undefined) return end(refusedCause(wish, refusal));
    if (isOverdue) return end(deadlinePassed(about.side.document, due));
    timers.at(record.pid, due, () => queue.poke(record.pid));
    return undefined;
  }

  const endedBy = (record: Record, end: Exclude<End<D, M>, { kind: "say" }>): Record =>
    end.kind === "stand" ? over(record, end.document) : declared(record, end.cause);

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
      if (outcome.kind === "refused") outcome = await understood(record, message, outcome, controller.signal);
      await oneAtATime(pid, () => settle(record, message, delivery, outcome));
    } finally {
      if (attempts.get(pid) === attempt) attempts.delete(pid);
      resolve();
    }
  }

  /** An earlier try may have been taken although its answer was lost: then the refusal is about the second one. */
  async function understood(
    record: Record,
    message: M,
    refused: Extract<Delivery, { kind: "refused" }>,
    signal: AbortSignal,
  ): Promise<Delivery> {
    const url = stateUrlOf(record);
    const told = url === undefined ? undefined : await ports.ask(record.peer, url, signal);
    if (isAfter(record, message, told)) return { kind: "taken", answer: undefined };
    return isOverThere(record, told) ? { ...refused, isOver: true } : refused;
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
    const known = outcome.kind === "taken" ? confirmed(record, outcome.answer) : undefined;
    if (known !== undefined) return await keep(known);
    const tried: Untaken =
      outcome.kind === "taken" ? { kind: "passing", code: "answer-without-pid", doubtful: true } : outcome;
    const about = { delivery, outcome: tried, patience, now: ports.now() };
    const standing = mayBeOver(about) ? await ports.stands?.(record) : undefined;
    const { waitMs = Number.POSITIVE_INFINITY } = ports.endings ?? {};
    const word = afterTry({ ...about, type: message["@type"], isStanding: standing !== undefined, waitMs });
    if (word.kind === "again") return await keep({ ...record, delivery: word.delivery });
    const { refusal } = word;
    if (word.kind === "over" && standing !== undefined) return await keep({ ...over(record, standing), refusal });
    if (word.kind === "over") return await keep({ ...declared(record, word.cause), refusal });
    await keep({ ...record, side: withdrawn(record.side), refusal });
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
          if ((await ports.ended?.gone.get(pid)) === true) throw pidTaken("the id was that of a process that is over");
          return await begun({ pid, peer, address, side: newSide(role), first: digestOf(message) }, message);
        }
        if (kept.first === digestOf(message) && kept.side.document !== undefined) return kept.side.document;
        throw pidTaken("the id belongs to another process", kept.side.document);
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
    async end(pid, cause) {
      await oneAtATime(pid, async () => {
        const record = await records.get(pid);
        if (record === undefined || isOver(record)) return;
        const standing = await ports.stands?.(record);
        await keep(standing === undefined ? declared(record, cause) : over(record, standing));
        attempts.get(pid)?.abort();
      });
    },
    poke: (pid) => queue.poke(pid),
    async start() {
      await ended?.start();
      for await (const pid of open.pids()) {
        const record = await records.get(pid);
        if (record !== undefined && !isOver(record)) {
          open.count(record, sizeOf(record));
          ports.onMoved?.(record);
        }
        queue.poke(pid);
      }
    },
    async stop() {
      timers.stop();
      for (const attempt of attempts.values()) attempt.abort();
      await Promise.all([queue.stop(), ended?.stop()]);
    },
  } satisfies Processes<D, M>);
}

const sizeOf = (record: object): number => Buffer.byteLength(JSON.stringify(record));
function busy(): DataspaceError {
  const reasons = [`${MOST_OPEN} processes, or ${MOST_OPEN_BYTES} bytes of them, are open: wait until one is over`];
  return new DataspaceError("ERR_DATASPACE_BUSY", { code: "too-many-open", reasons });
}
const pidTaken = (why: string, document?: ProcessDocument): DataspaceError =>
  new DataspaceError("ERR_DATASPACE_REFUSED", { code: "pid-taken", reasons: [`${why}: choose a new one`] }, document);
