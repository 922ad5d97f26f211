/** The data endpoints of this node: where consumers fetch records, and where providers send them. Opened by tokens. */
import { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { bearerToken } from "../dataspace/compact-jws.ts";
import type { HttpApp } from "../http/http-app.ts";
import type { ReadToken } from "./data-token.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Inbox } from "./inbox.ts";
import { TransferError, unknownTransfer } from "./transfer-error.ts";

/** A consumer that takes nothing for so long has hung up. */
const STALL_MS = 60_000;
const INBOX_PART_BYTES = 1024 * 1024;

const Pid = Type.Object({ pid: Type.String({ minLength: 1, maxLength: 200 }) });

export interface DataRouteDeps {
  /** Below the address of this node. */
  readonly paths: { readonly data: string; readonly inbox: string };
  readonly readToken: (token: string, path: string, pid: string) => Promise<ReadToken | undefined>;
  readonly deliver: Deliveries;
  readonly inbox: Inbox;
}

export function addDataRoutes(app: HttpApp, deps: DataRouteDeps): void {
  /** Before the body is read: whoever has no token cannot make this node take in anything. */
  const opened = (path: string) => async (request: FastifyRequest) => {
    const { pid } = request.params as Static<typeof Pid>;
    const token = bearerToken(request.headers.authorization);
    const read = token === undefined ? undefined : await deps.readToken(token, path, pid);
    if (read === undefined || (read.kind === "good" && read.grant.transfer !== pid)) throw unknownTransfer();
    if (read.kind === "expired") throw new TransferError("ERR_TRANSFER_TOKEN", "token-expired");
    request.author = read.grant.holder;
  };
  const config = { public: true };
  app.get(
    `${deps.paths.data}/:pid`,
    // A question for the head alone would cost a delivery.
    { config, schema: { params: Pid }, exposeHeadRoute: false, onRequest: opened(deps.paths.data) },
    async (request, reply) => {
      const { pid } = request.params;
      const { range } = request.headers;
      const ifRange = request.headers["if-range"] as string | undefined;
      const ifMatch = request.headers["if-match"] as string | undefined;
      const delivery = await deps.deliver({ transfer: pid, holder: request.author, range, ifRange, ifMatch });
      const { snapshot, from } = delivery;
      // Whoever hangs up before the first piece leaves no stream to end.
      const hungUp = () => void delivery.close().catch((error: unknown) => request.log.warn({ err: error }));
      if (reply.raw.closed) hungUp();
      else reply.raw.once("close", hungUp);
      reply
        .code(delivery.isPartial ? 206 : 200)
        .type("text/csv; charset=utf-8; header=present")
        .headers({
          etag: delivery.entityTag,
          "accept-ranges": "bytes",
          "cache-control": "no-store",
          "content-length": snapshot.bytes - from,
          // RFC 9530: of the whole, so that whoever puts parts together can check them.
          "repr-digest": `sha-256=:${Buffer.from(snapshot.digest, "base64url").toString("base64")}:`,
          "sealane-rows": snapshot.rows,
          ...(delivery.isPartial ? { "content-range": `bytes ${from}-${snapshot.bytes - 1}/${snapshot.bytes}` } : {}),
        });
      return reply.send(unlessStalled(delivery.pieces()));
    },
  );
  const inbox = { config, schema: { params: Pid }, onRequest: opened(deps.paths.inbox) };
  app.head(`${deps.paths.inbox}/:pid`, inbox, async (request, reply) => {
    const { held, digest } = await deps.inbox.state(request.params.pid);
    return reply
      .code(204)
      .headers({ "upload-offset": held, ...(digest === undefined ? {} : { "sealane-digest": digest }) })
      .send();
  });
  app.patch(
    `${deps.paths.inbox}/:pid`,
    {
      config: { ...config, binary: true },
      bodyLimit: INBOX_PART_BYTES,
      onRequest: opened(deps.paths.inbox),
      schema: {
        params: Pid,
        headers: Type.Object({
          "upload-offset": Type.String({ pattern: "^\\d{1,15}$" }),
          "sealane-digest": Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" }),
          "sealane-bytes": Type.String({ pattern: "^\\d{1,15}$" }),
        }),
      },
    },
    async (request, reply) => {
      const { headers, params, body } = request;
      if (!(body instanceof Uint8Array)) throw new TransferError("ERR_TRANSFER_INVALID", "body-not-bytes");
      const held = await deps.inbox.take(params.pid, {
        offset: Number(headers["upload-offset"]),
        digest: headers["sealane-digest"],
        bytes: Number(headers["sealane-bytes"]),
        part: body,
      });
      return reply.code(204).header("upload-offset", held).send();
    },
  );
}

/** Ends the stream when nobody has asked for the next piece for a while. */
function unlessStalled(pieces: AsyncGenerator<Buffer, void, undefined>): Readable {
  async function* watched() {
    let timer: NodeJS.Timeout | undefined;
    try {
      for await (const piece of pieces) {
        timer = setTimeout(() => stream.destroy(new TransferError("ERR_TRANSFER_STATE", "stalled")), STALL_MS).unref();
        yield piece;
        clearTimeout(timer);
      }
    } finally {
      clearTimeout(timer);
    }
  }
  const stream = Readable.from(watched(), { objectMode: false });
  return stream;
}
