/**
 * The calls about the ledger over one connection. A group commit costs every replica two calls; here each is a message
 * instead of a signed HTTP request. The connection is authenticated as every request is, when it is opened; what goes
 * over it proves itself or is about the caller alone. A member has one of them, the latest. Whoever asks for more than
 * its share loses it: nothing that is too much is looked at.
 */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { FastifyRequest } from "fastify";
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

/** Of one connection at once; a replica has three: it follows, it hands in, and it cosigns. */
const CALLS_AT_ONCE = 16;
/** Of the calls of one member that run, those of connections that are closed included. */
const OPEN_BYTES = 2 * MAX_CALL_BYTES;
/** Whether members are still what they were when they opened theirs, between messages. */
const LOOK_MS = 5_000;
/** They store something, so not on a full disk. */
const WRITES: readonly LedgerCall[] = ["submit", "cosign", "present"];

const channelCall = Compile(ChannelCall);
const askedOf = Object.fromEntries(
  Object.entries(LEDGER_CALLS).map(([call, { asked }]) => [call, Compile(asked as TSchema)]),
) as unknown as Readonly<Record<LedgerCall, Validator>>;

export function openChannels(app: HttpApp, calls: LedgerCalls, deps: ChannelDeps): void {
  const upgraded = new WeakMap<IncomingMessage, { readonly socket: Socket; readonly head: Buffer }>();
  const channels = new Map<string, { readonly frames: Frames; readonly key: string }>();
  const running = new Map<string, { calls: number; bytes: number }>();

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
  const looking = setInterval(() => void closeEnded(), LOOK_MS).unref();
  app.addHook("preClose", async () => {
    clearInterval(looking);
    for (const { frames } of channels.values()) frames.close();
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
      reply.code(101).hijack();
      reply.raw.detachSocket(socket);
      // Counts as one running call of this member until then.
      socket.once("close", () => reply.raw.emit("finish"));
      if (socket.destroyed) return void reply.raw.emit("finish");
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${CHANNEL_PROTOCOL}\r\n\r\n`);
      serve(socket, head, request);
    },
  );

  const batchTexts = createBatchTexts();
  const textOf = (answered: object | { readonly batches: BatchesReply["batches"] }): string =>
    "batches" in answered ? `{"batches":${batchTexts(answered.batches)}}` : JSON.stringify(answered);

  /** The ledger may replace the key or end the membership while the connection is open. */
  async function isCurrent(member: string, key: string): Promise<boolean> {
    const found = await deps.members.find(member);
    return found?.status === "active" && found.record.identity.key === key;
  }

  async function closeEnded(): Promise<void> {
    for (const [member, { frames, key }] of channels) {
      if (!(await isCurrent(member, key).catch(() => false))) frames.close();
    }
  }

  function serve(socket: Socket, head: Buffer, request: FastifyRequest): void {
    const { author: member, authorKey: key } = request;
    const ofMember = running.get(member) ?? { calls: 0, bytes: 0 };
    running.set(member, ofMember);
    let open = 0;
    const frames: Frames = openFrames(socket, head, {
      maxBytes: MAX_CALL_BYTES,
      frameMs: deps.config().limits.requestTimeoutMs,
      idleMs: CHANNEL_IDLE_MS,
      pausesReading: true,
      onMessage: (message) => void answer(message).catch((error) => broken(error)),
      onClose: () => {
        if (channels.get(member)?.frames === frames) channels.delete(member);
      },
    });
    channels.get(member)?.frames.close();
    channels.set(member, { frames, key });

    function broken(error: unknown): void {
      deps.log.info({ member, reason: (error as Error).message }, "ledger channel closed");
      frames.close();
    }

    async function answer(message: Buffer): Promise<void> {
      const bytes = message.length;
      demandShare(bytes);
      open += 1;
      ofMember.calls += 1;
      ofMember.bytes += bytes;
      try {
        await app.countMemberCall(request);
        if (!(await isCurrent(member, key))) throw new RangeError("key: not the current one any more");
        const asked: unknown = parseWireJson(message);
        if (!channelCall.Check(asked)) throw new RangeError("message: no call about the ledger");
        frames.send(await answerOf(asked.id, asked.call as LedgerCall, asked.asked));
      } finally {
        open -= 1;
        ofMember.calls -= 1;
        ofMember.bytes -= bytes;
      }
    }

    function demandShare(bytes: number): void {
      const most = deps.config().limits.peerCallsAtOncePerMember;
      if (open >= CALLS_AT_ONCE || ofMember.calls >= most) throw new RangeError(`${open} calls are running already`);
      if (ofMember.bytes + bytes > OPEN_BYTES)
        throw new RangeError(`calls of ${ofMember.bytes} bytes are running already`);
    }

    async function answerOf(id: number, call: LedgerCall, asked: unknown): Promise<string> {
      try {
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
  }
}
