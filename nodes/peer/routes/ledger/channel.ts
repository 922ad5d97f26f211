/**
 * The calls about the ledger over one connection. A group commit costs every replica two calls; here each is a message
 * instead of a signed HTTP request. The connection is authenticated as every request is, when it is opened; what goes
 * over it proves itself or is about the caller alone. A member has one of them, the latest.
 */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import type { HttpApp } from "../../../http/http-app.ts";
import { HttpError } from "../../../http/http-error.ts";
import { problemOf } from "../../../http/problem.ts";
import { problems } from "../../../http/schemas.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import { createBatchTexts } from "../../batch-texts.ts";
import { type Frames, openFrames } from "../../frames.ts";
import type { LedgerCalls } from "../../ledger-calls.ts";
import {
  type BatchesReply,
  CHANNEL_IDLE_MS,
  CHANNEL_PATH,
  CHANNEL_PROTOCOL,
  ChannelCall,
  LEDGER_CALLS,
  type LedgerCall,
  MAX_CALL_BYTES,
} from "../../ledger-messages.ts";
import { parseWireJson } from "../../wire-json.ts";

export type ChannelDeps = Pick<NodeServices, "members" | "config" | "assertWritable" | "log">;

/** Of one member at once; a replica has three: it follows, it hands in, and it cosigns. */
const CALLS_AT_ONCE = 16;
const MINUTE_MS = 60_000;
/** They store something, so not on a full disk. */
const WRITES: readonly LedgerCall[] = ["submit", "cosign", "present"];

const channelCall = Compile(ChannelCall);
const askedOf = Object.fromEntries(
  Object.entries(LEDGER_CALLS).map(([call, { asked }]) => [call, Compile(asked as TSchema)]),
) as unknown as Readonly<Record<LedgerCall, Validator>>;

export function openChannels(app: HttpApp, calls: LedgerCalls, deps: ChannelDeps): void {
  const upgraded = new WeakMap<IncomingMessage, { readonly socket: Socket; readonly head: Buffer }>();
  const channels = new Map<string, Frames>();

  app.server.on("upgrade", (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    // A body would never be read.
    if (incoming.method !== "GET" || incoming.url !== CHANNEL_PATH) {
      socket.write("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      return socket.destroySoon();
    }
    // Through the router, so that everything that stands before a route stands before this one.
    const response = new ServerResponse(incoming);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once("finish", () => socket.destroySoon());
    upgraded.set(incoming, { socket, head });
    app.routing(incoming, response);
  });
  app.addHook("preClose", async () => {
    for (const channel of channels.values()) channel.close();
  });

  app.get(
    CHANNEL_PATH,
    { schema: { response: problems }, config: { accessLog: false, longPoll: true } },
    async (request, reply) => {
      const connection = upgraded.get(request.raw);
      if (connection === undefined || request.headers.upgrade !== CHANNEL_PROTOCOL) {
        throw new HttpError("ERR_HTTP_INVALID", `upgrade: expected ${CHANNEL_PROTOCOL}, which this resource speaks`);
      }
      const { socket, head } = connection;
      const key = await keyOf(request.author);
      reply.code(101).hijack();
      reply.raw.detachSocket(socket);
      // Counts as one running call of this member until then.
      socket.once("close", () => reply.raw.emit("finish"));
      if (socket.destroyed) return void reply.raw.emit("finish");
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${CHANNEL_PROTOCOL}\r\n\r\n`);
      serve(socket, head, request.author, key);
    },
  );

  const batchTexts = createBatchTexts();
  const textOf = (answered: object | { readonly batches: BatchesReply["batches"] }): string =>
    "batches" in answered ? `{"batches":${batchTexts(answered.batches)}}` : JSON.stringify(answered);

  /** The key that it speaks under, while it is an active member. */
  async function keyOf(member: string): Promise<string | undefined> {
    const found = await deps.members.find(member);
    return found?.status === "active" ? found.record.identity.key : undefined;
  }

  function serve(socket: Socket, head: Buffer, member: string, key: string | undefined): void {
    let open = 0;
    let minute = 0;
    let inMinute = 0;
    const channel: Frames = openFrames(socket, head, {
      maxBytes: MAX_CALL_BYTES,
      idleMs: CHANNEL_IDLE_MS,
      onMessage: (message) => void answer(message).catch((error) => broken(error)),
      onClose: () => {
        if (channels.get(member) === channel) channels.delete(member);
      },
    });
    channels.get(member)?.close();
    channels.set(member, channel);

    function broken(error: unknown): void {
      deps.log.info({ member, reason: (error as Error).message }, "ledger channel closed");
      channel.close();
    }

    async function answer(message: Buffer): Promise<void> {
      const asked: unknown = parseWireJson(message);
      if (!channelCall.Check(asked)) throw new RangeError("message: no call about the ledger");
      if (open >= CALLS_AT_ONCE) throw new RangeError(`more than ${CALLS_AT_ONCE} calls at once`);
      open += 1;
      try {
        // The ledger may have replaced the key or the membership since the connection was opened.
        if (key === undefined || (await keyOf(member)) !== key)
          throw new RangeError("key: not the current one any more");
        channel.send(await answerOf(asked.id, asked.call as LedgerCall, asked.asked));
      } finally {
        open -= 1;
      }
    }

    async function answerOf(id: number, call: LedgerCall, asked: unknown): Promise<string> {
      try {
        demandRate();
        if (WRITES.includes(call)) deps.assertWritable();
        if (!askedOf[call].Check(asked))
          throw new HttpError("ERR_HTTP_INVALID", `${call}: not what its schema asks for`);
        return `{"id":${id},"answered":${textOf(await calls[call](asked as never, member))}}`;
      } catch (error) {
        const { status, code, detail = code } = problemOf(error);
        if (status === 500) deps.log.error({ err: error, call }, "ledger call failed");
        return JSON.stringify({ id, refused: { status, code, detail: detail.slice(0, 4_000) } });
      }
    }

    function demandRate(): void {
      const now = Math.floor(performance.now() / MINUTE_MS);
      if (now !== minute) [minute, inMinute] = [now, 0];
      inMinute += 1;
      const most = deps.config().limits.peerRequestsPerMinutePerMember;
      if (inMinute > most)
        throw new HttpError("ERR_HTTP_RATE_LIMIT", `more than ${most} requests per minute; slow down`);
    }
  }
}
