/**
 * A member's line to its coordinator: what the member has to say, in order, and what C has to say. One call does both: the
 * answer to a message waits for C's next word. Only a member that has nothing to say for a while asks by long poll.
 * A message that cannot be delivered is repeated with the same bytes until the role ends.
 */
import type { Static } from "typebox";
import type { Message } from "../../crypto/secagg/messages.ts";
import type { OpenBody } from "../../exchange/computations/opening.ts";
import { PeerError } from "../peer/peer-error.ts";
import { isLongContribution, putChunks } from "./chunk-upload.ts";
import type { Context } from "./context.ts";
import { createKeyedBell } from "./keyed-bell.ts";
import { AcceptedOrPage, MailboxPageSchema, paths } from "./peer-messages.ts";
import { untilDone } from "./retry.ts";

export interface CoordinatorLine {
  send(message: Message): void;
  /** Until the signal aborts. Every message may come twice. */
  run(signal: AbortSignal, take: (value: unknown) => Promise<void>): Promise<void>;
  /** Resolves when a refusal, if one was sent, is delivered. */
  lastWord(): Promise<void>;
}

const WAIT_MS = 15_000;
const ANSWER_MS = 30_000;
/** For what the member has to say when it is its turn; the ledger or its own table may take longer. */
const QUIET_MS = 1_000;
/** A page holds at most one result of phase 1; sums and contributions of 2^18 words (crypto/secagg/messages.ts). */
const MAX_PAGE_BYTES = 192 * 1024 * 1024;
/** No word of C follows these. */
const LAST: readonly Message["type"][] = ["refusal", "unmask-2"];
const NEWS = "news";
const LONGEST_MS = 2 ** 31 - 1;

type Hear = (page: Static<typeof MailboxPageSchema>) => Promise<void>;

/** Too much at once passes, and so does a chunk ahead of its time; what else is refused will always be refused. */
export const isRefused = (error: unknown) =>
  error instanceof PeerError &&
  (error.answer?.status ?? 500) < 500 &&
  error.answer?.status !== 429 &&
  error.answer?.code !== "ERR_COMPUTATION_CHUNK";

export function createCoordinatorLine(
  ctx: Context,
  { coordinator, computation }: Pick<OpenBody, "coordinator" | "computation">,
): CoordinatorLine {
  const waiting: Message[] = [];
  const bell = createKeyedBell();
  let lastWord = Promise.withResolvers<void>();
  lastWord.resolve();
  let cursor = { epoch: "none", after: 0 };
  let interrupt: AbortController | undefined;

  const target = () => ctx.services.members.target(coordinator);

  async function poll(signal: AbortSignal) {
    return await ctx.services.peers.call(await target(), {
      method: "GET",
      path: paths.mailbox(computation, cursor, WAIT_MS),
      response: MailboxPageSchema,
      maxBytes: MAX_PAGE_BYTES,
      timeoutMs: WAIT_MS + ANSWER_MS,
      attempts: 1,
      signal,
    });
  }

  async function post(message: Message, waitMs: number, signal: AbortSignal) {
    return await ctx.services.peers.call(await target(), {
      method: "POST",
      path: waitMs === 0 ? paths.messages(computation) : paths.messagesAndMailbox(computation, cursor, waitMs),
      body: message,
      response: AcceptedOrPage,
      maxBytes: MAX_PAGE_BYTES,
      timeoutMs: waitMs + ANSWER_MS,
      signal,
    });
  }

  /** Goes on from what C holds, also after a restart of either side. */
  async function contribute(message: Parameters<typeof putChunks>[2], signal: AbortSignal) {
    const answer = await post(message, 0, signal);
    await putChunks(ctx, await target(), message, "held" in answer ? (answer.held ?? 0) : 0, signal);
    return answer;
  }

  /** False when another message came while C was waited for: this one is then sent again, and nothing is waited for. */
  async function deliver(message: Message, waitMs: number, role: AbortSignal, hear: Hear): Promise<boolean> {
    const interrupting = new AbortController();
    if (waitMs > 0) interrupt = interrupting;
    const signal = AbortSignal.any([role, interrupting.signal]);
    try {
      const send = () => (isLongContribution(message) ? contribute(message, signal) : post(message, waitMs, signal));
      const answer = await untilDone(send, { signal, isFinal: isRefused });
      if (answer === undefined) return false;
      if ("messages" in answer) await hear(answer);
    } catch (error) {
      ctx.services.log.warn({ err: error, to: coordinator, type: message.type, computation }, "message was refused");
    } finally {
      interrupt = undefined;
    }
    return true;
  }

  async function run(signal: AbortSignal, take: (value: unknown) => Promise<void>): Promise<void> {
    signal.addEventListener("abort", () => bell.close(), { once: true });
    // C speaks when members have spoken: whoever has heard it has something to say next.
    let isOurTurn = false;
    const hear: Hear = async (page) => {
      cursor = { epoch: page.epoch, after: page.next };
      if (page.messages.length > 0) isOurTurn = true;
      for (const value of page.messages) await take(value);
    };
    let listening: Promise<void> | undefined;
    const listen = async () => {
      const page = await untilDone(() => poll(signal), { signal, isFinal: () => false });
      // Before the page is taken: what it leads to waits for its own answer.
      listening = undefined;
      if (page !== undefined) await hear(page);
      bell.ring(NEWS);
    };
    while (!signal.aborted) {
      const [message] = waiting;
      if (message === undefined) {
        if (listening === undefined && isOurTurn) await bell.wait(NEWS, QUIET_MS);
        if (waiting.length > 0 || signal.aborted) continue;
        listening ??= listen();
        await bell.wait(NEWS, LONGEST_MS);
        continue;
      }
      const isLast = LAST.includes(message.type);
      const isAlone = waiting.length === 1 && listening === undefined && !isLast && !isLongContribution(message);
      isOurTurn = isLast;
      if (!(await deliver(message, isAlone ? WAIT_MS : 0, signal, hear))) continue;
      waiting.shift();
      if (message.type === "refusal") lastWord.resolve();
    }
    await listening;
  }

  return Object.freeze({
    send(message: Message) {
      if (message.type === "refusal") lastWord = Promise.withResolvers();
      waiting.push(message);
      interrupt?.abort();
      bell.ring(NEWS);
    },
    run,
    lastWord: () => lastWord.promise,
  });
}
