/**
 * What a coordinator has to say to each member of a computation, in order. Members fetch it by long poll with the
 * cursor they have reached. It lives in memory: after a restart the role repeats its open messages under a new epoch,
 * and members, for whom every message may come twice, start at its beginning. Of each type the latest message is kept,
 * so what it holds is bounded by the protocol, however often a member makes the role repeat itself.
 */
import type { Message } from "../../crypto/secagg/messages.ts";
import { createKeyedBell } from "./keyed-bell.ts";

export interface MailboxPage {
  readonly epoch: string;
  /** Cursor for the next call. */
  readonly next: number;
  readonly messages: readonly Message[];
}

export interface Mailbox {
  post(member: string, message: Message): void;
  /** Messages after the cursor; waits up to `waitMs` for the first one. */
  read(
    member: string,
    cursor: { readonly epoch: string; readonly after: number },
    waitMs: number,
  ): Promise<MailboxPage>;
  close(): void;
}

const MAX_PAGE_MESSAGES = 16;

interface Queue {
  /** Messages ever posted: the place of the latest one. */
  posted: number;
  readonly latest: Map<Message["type"], { readonly place: number; readonly message: Message }>;
}

export function createMailbox(epoch: string): Mailbox {
  const queues = new Map<string, Queue>();
  const bell = createKeyedBell();

  const queueOf = (member: string): Queue => {
    const existing = queues.get(member);
    if (existing !== undefined) return existing;
    const created: Queue = { posted: 0, latest: new Map() };
    queues.set(member, created);
    return created;
  };

  return Object.freeze({
    post(member: string, message: Message) {
      const queue = queueOf(member);
      queue.posted += 1;
      // Deleted first: a map keeps the order in which keys came.
      queue.latest.delete(message.type);
      queue.latest.set(message.type, { place: queue.posted, message });
      bell.ring(member);
    },
    async read(member: string, cursor: { readonly epoch: string; readonly after: number }, waitMs: number) {
      const queue = queueOf(member);
      const after = cursor.epoch === epoch ? cursor.after : 0;
      if (queue.posted <= after) await bell.wait(member, waitMs);
      const page = [...queue.latest.values()].filter(({ place }) => place > after).slice(0, MAX_PAGE_MESSAGES);
      return { epoch, next: page.at(-1)?.place ?? after, messages: page.map(({ message }) => message) };
    },
    close: () => bell.close(),
  });
}
