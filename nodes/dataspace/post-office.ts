/**
 * How messages of the Dataspace Protocol get to members that take no calls. A member without an endpoint calls
 * `POST <base>/waiting` where something may wait for it: at the other side, or at the operator where that cannot be
 * reached either; it hands in its own letters with it. What it fetches is fed to the same engine that routes feed, and
 * an answer is sent where no message of its own says as much (decision 402).
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import { joined, NEGOTIATION_COLLECTION, TRANSFER_COLLECTION } from "../../exchange/protocol/paths.ts";
import type { PeerErrorCode } from "../peer/peer-error.ts";
import { deliveryOf } from "./client.ts";
import { createFreshLetters } from "./fresh-letters.ts";
import { type Call, type Content, type Letter, type Reply, readLetter, writeLetter } from "./letters.ts";
import type { Delivery } from "./process-record.ts";
import type { Shelf } from "./shelf.ts";

/** Base address of a member that takes no calls: nobody calls it, it only has a name. */
export const unreachableBase = (member: string): string => `urn:sealane:member:${member}`;

/** Where messages go, below a base address. */
const COLLECTIONS = [NEGOTIATION_COLLECTION, TRANSFER_COLLECTION];

/** How long a letter waits for its answer before its author leaves it anew. */
const UNANSWERED_MS = 60_000;
/** Between two rounds: messages that are not fetched at once are late, so the other side answers with most of them. */
const PAUSES = Object.freeze({ directMs: 3_000, relayedMs: 1_000, longestMs: 30_000 });
const GROWTH = 1.5;

/** Replies of one call, and letters of one answer: what the other side takes and hands out. */
const MOST_REPLIES = 512;
const MOST_LETTERS = 512;
/** Answers that wait to be handed in; whoever does not get one asks again. */
const MOST_OWED = 4_096;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}
export type Letters = readonly Letter[];

export interface PostOfficePorts {
  readonly member: string;
  readonly network: string;
  readonly identity: SigningIdentity;
  readonly now: () => string;
  readonly shelf: Shelf;
  readonly publicKey: (member: string, key: string) => Promise<Uint8Array | undefined>;
  /** Base address at which this member takes calls, by the ledger. */
  readonly baseOf: (member: string) => Promise<string | undefined>;
  /** Who keeps letters between members that take no calls. */
  readonly operator: () => Promise<string>;
  /** A call to this node, as its routes would take it. */
  readonly dispatch: (from: string, path: string, body: unknown) => Promise<Answer>;
  readonly post: (peer: string, url: string, body: unknown, signal: AbortSignal) => Promise<Delivery>;
  /** A call of `waiting` there; resolves with the letters that wait for this member. Throws where it fails. */
  readonly fetch: (place: string, letters: Letters, waitMs: number) => Promise<readonly unknown[]>;
  readonly onError: (error: unknown) => void;
  readonly pauses?: Readonly<Record<keyof typeof PAUSES, number>>;
}

export interface PostOffice {
  /** Delivers a message by the way that there is. */
  send(peer: string, url: string, body: unknown, signal: AbortSignal): Promise<Delivery>;
  /** Fetches what waits for this node where it would wait for messages of `peer`. Throws where it cannot be had. */
  collectFrom(peer: string, waitMs: number): Promise<void>;
  /** What this side says next in the same process, for a caller that takes no calls: at once or within `waitMs`. */
  alongWith(caller: string, answer: unknown, waitMs: number): Promise<Letters>;
  /** Letters that came with an answer. */
  takeIn(letters: readonly unknown[]): Promise<void>;
  /** Answers `waiting`: takes what `from` hands in, and hands out what waits for it. */
  serve(from: string, letters: readonly unknown[], waitMs: number): Promise<Letters>;
  /** A process with `peer` is open: what it says may wait somewhere. */
  watch(pid: string, peer: string): void;
  unwatch(pid: string): void;
  /** Neither this member nor that one takes calls. */
  isRelayed(peer: string): Promise<boolean>;
  stop(): void;
}

interface Pending {
  readonly peer: string;
  readonly settle: (delivery: Delivery) => void;
}
interface Owed {
  readonly to: string;
  readonly pid: string;
  readonly content: Content;
}

export function createPostOffice(ports: PostOfficePorts): PostOffice {
  const { member, shelf, pauses = PAUSES } = ports;
  /** By the signature of the letter that waits for an answer. */
  const pending = new Map<string, Pending>();
  /** Answers to calls, by the signature of their letter; not owed once this side has said something itself. */
  const owed = new Map<string, Owed>();
  const watched = new Map<string, string>();
  const rounds = new Map<string, { readonly timer: NodeJS.Timeout; readonly pause: number }>();
  const isFresh = createFreshLetters(() => Date.parse(ports.now()));
  let stopped = false;

  const isUnreachable = async (one: string): Promise<boolean> => (await ports.baseOf(one)) === undefined;
  const isRelayed = async (peer: string): Promise<boolean> =>
    (await isUnreachable(member)) && (await isUnreachable(peer));
  const placeOf = async (peer: string): Promise<string> =>
    (await isUnreachable(peer)) ? await ports.operator() : peer;
  const read = async (value: unknown): Promise<Letter | undefined> => {
    const letter = await readLetter(value, ports.network, ports.publicKey);
    return letter !== undefined && isFresh(letter) ? letter : undefined;
  };
  const letterTo = (to: string, content: Content): Letter =>
    writeLetter(ports.identity, { network: ports.network, to, at: ports.now(), content });

  /** Until it is answered, or a later message of the other side has said as much, or for a while. */
  function answered(letter: Letter, peer: string, signal: AbortSignal): Promise<Delivery> {
    return new Promise((resolve) => {
      const settle = (delivery: Delivery) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", cancel);
        pending.delete(letter.signature);
        shelf.take(letter.signature);
        resolve(delivery);
      };
      const waiting: Delivery = { kind: "passing", code: "not-fetched", doubtful: false };
      const cancel = () => settle(waiting);
      const timer = setTimeout(cancel, UNANSWERED_MS);
      pending.set(letter.signature, { peer, settle });
      if (signal.aborted) cancel();
      else signal.addEventListener("abort", cancel);
    });
  }

  async function send(peer: string, url: string, body: unknown, signal: AbortSignal): Promise<Delivery> {
    // What is said now says that the other side's latest message was taken.
    const pid = processOf(body);
    for (const [letter, one] of owed) if (one.to === peer && one.pid === pid) owed.delete(letter);
    const path = url.slice(Math.max(...COLLECTIONS.map((one) => url.lastIndexOf(`/${one}/`))) + 1);
    if (peer === member) return deliveryOf(await ports.dispatch(peer, path, body));
    const base = await ports.baseOf(peer);
    if (base !== undefined) {
      const direct = url.startsWith("urn:") ? joined(base, path) : url;
      return await ports.post(peer, direct, body, signal);
    }
    const letter = letterTo(peer, { call: { pid, path, body } });
    const outcome = answered(letter, peer, signal);
    if (!(await isUnreachable(member))) shelf.leave(letter, true);
    else await fetchAt(await ports.operator(), [letter], 0).catch(ports.onError);
    return await outcome;
  }

  async function fetchAt(place: string, letters: Letters, waitMs: number): Promise<void> {
    await takeIn(await ports.fetch(place, letters, waitMs));
  }

  async function collect(place: string, waitMs: number): Promise<void> {
    const said: [string, Owed][] = [];
    for (const one of owed) {
      if (said.length >= MOST_REPLIES) break;
      if ((await placeOf(one[1].to)) === place) said.push(one);
    }
    const letters = said.map(([, { to, content }]) => letterTo(to, content));
    for (const [key] of said) owed.delete(key);
    try {
      await fetchAt(place, letters, waitMs);
    } catch (error) {
      // What is refused once is refused again.
      const isRefused = (error as { code?: unknown }).code === ("ERR_PEER_REFUSED" satisfies PeerErrorCode);
      if (!isRefused) for (const [key, one] of said) if (!owed.has(key)) owe(key, one);
      throw error;
    }
  }

  function owe(letter: string, one: Owed): void {
    owed.set(letter, one);
    for (const [oldest] of owed) {
      if (owed.size <= MOST_OWED) return;
      owed.delete(oldest);
    }
  }

  async function takeIn(values: readonly unknown[]): Promise<void> {
    await Promise.all(
      values.slice(0, MOST_LETTERS).map(async (value) => {
        const letter = await read(value);
        if (letter?.statement.to !== member) return;
        const { content } = letter.statement;
        if ("call" in content) return await takeCall(letter, content.call);
        takeReply(letter.signer, content.reply);
      }),
    );
  }

  /** An answer is its recipient's to give. */
  function takeReply(from: string, reply: Reply): void {
    const waiting = pending.get(reply.to);
    if (waiting?.peer === from) waiting.settle(deliveryOf(reply));
  }

  async function takeCall(letter: Letter, { path, body }: Call): Promise<void> {
    const { signer, signature } = letter;
    const answer = await ports.dispatch(signer, path, body);
    owe(signature, { to: signer, pid: processOf(body), content: { reply: { to: signature, ...answer } } });
    await soonFor(signer);
  }

  async function soonFor(peer: string): Promise<void> {
    const place = await placeOf(peer);
    soon(place, place === peer ? pauses.directMs : pauses.relayedMs);
  }

  /** Rounds go on while an answer is owed there or a process is open whose messages would wait there. */
  function soon(place: string, pause: number): void {
    const planned = rounds.get(place);
    if (stopped || (planned !== undefined && planned.pause <= pause)) return;
    clearTimeout(planned?.timer);
    const timer = setTimeout(() => {
      rounds.delete(place);
      round(place, pause).catch(ports.onError);
    }, pause);
    timer.unref();
    rounds.set(place, { timer, pause });
  }

  async function round(place: string, pause: number): Promise<void> {
    if (!(await isUnreachable(member)) || !(await hasBusiness(place))) return;
    try {
      await collect(place, 0);
    } finally {
      if (await hasBusiness(place)) soon(place, Math.min(pause * GROWTH, pauses.longestMs));
    }
  }

  async function hasBusiness(place: string): Promise<boolean> {
    const peers = new Set([...watched.values(), ...[...owed.values()].map(({ to }) => to)]);
    for (const peer of peers) if ((await placeOf(peer)) === place) return true;
    return false;
  }

  return Object.freeze({
    send,
    takeIn,
    isRelayed,
    async alongWith(caller: string, answer: unknown, waitMs: number) {
      return (await isUnreachable(caller)) ? await shelf.collect(caller, waitMs, processOf(answer)) : [];
    },
    async collectFrom(peer: string, waitMs: number) {
      await collect(await placeOf(peer), waitMs);
    },
    async serve(from: string, values: readonly unknown[], waitMs: number) {
      for (const value of values) {
        // Before the signature, which costs milliseconds in some suites; and nobody else waits for all of them.
        if ((value as { readonly signer?: unknown } | null)?.signer !== from) continue;
        await nextTurn();
        const letter = await read(value);
        if (letter === undefined) continue;
        const { to, content } = letter.statement;
        if (to === member && "reply" in content) takeReply(letter.signer, content.reply);
        else if ((await isUnreachable(to)) && (await ports.operator()) === member) {
          if ("reply" in content) shelf.take(content.reply.to);
          shelf.leave(letter, false);
        }
      }
      return await shelf.collect(from, waitMs);
    },
    watch(pid: string, peer: string) {
      watched.set(pid, peer);
      soonFor(peer).catch(ports.onError);
    },
    unwatch: (pid: string) => void watched.delete(pid),
    stop() {
      stopped = true;
      for (const { timer } of rounds.values()) clearTimeout(timer);
      shelf.close();
    },
  } satisfies PostOffice);
}

/** Both sides' messages name it in the same way. */
const processOf = (body: unknown): string => String((body as { readonly consumerPid?: unknown } | null)?.consumerPid);
