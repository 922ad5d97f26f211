/**
 * What a coordinator has to say to each member of a computation, in order. Members fetch it by long poll with the
 * cursor they have reached. It lives in memory: after a restart the role repeats its open messages under a new epoch,
 * and members, for whom every message may come twice, start at its beginning.
 */
import type { Message } from "../../crypto/secagg/messages.ts";

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

export function createMailbox(epoch: string): Mailbox {
  const queues = new Map<string, Message[]>();
  const waiting = new Map<string, Set<() => void>>();
  let closed = false;

  const queueOf = (member: string): Message[] => {
    const existing = queues.get(member);
    if (existing !== undefined) return existing;
    const created: Message[] = [];
    queues.set(member, created);
    return created;
  };
  const wake = (member: string) => {
    for (const resolve of waiting.get(member) ?? []) resolve();
    waiting.delete(member);
  };
  const arrival = (member: string, waitMs: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(done, waitMs);
      function done() {
        clearTimeout(timer);
        waiting.get(member)?.delete(done);
        resolve();
      }
      const set = waiting.get(member) ?? new Set();
      set.add(done);
      waiting.set(member, set);
    });

  return Object.freeze({
    post(member: string, message: Message) {
      queueOf(member).push(message);
      wake(member);
    },
    async read(member: string, cursor: { readonly epoch: string; readonly after: number }, waitMs: number) {
      const queue = queueOf(member);
      const after = cursor.epoch === epoch ? cursor.after : 0;
      if (queue.length <= after && !closed && waitMs > 0) await arrival(member, waitMs);
      const messages = queue.slice(after, after + MAX_PAGE_MESSAGES);
      return { epoch, next: after + messages.length, messages };
    },
    close() {
      closed = true;
      for (const member of [...waiting.keys()]) wake(member);
    },
  });
}
