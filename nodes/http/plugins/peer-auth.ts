/** Signed peer requests on the server side: signature, member, audience, clock, replay, rate; then the body's digest. */
import type { RateLimitOptions } from "@fastify/rate-limit";
import type { FastifyRequest } from "fastify";
import type { MemberDirectory } from "../../peer/member-directory.ts";
import { PeerError } from "../../peer/peer-error.ts";
import { createReplayCache } from "../../peer/replay-cache.ts";
import { SIGNATURE_HEADER, verifyPeerSignature } from "../../peer/request-signature.ts";
import type { RecordStore } from "../../store/records.ts";
import type { HttpApp } from "../http-app.ts";
import { HttpError } from "../http-error.ts";
import { createMemberLoad } from "./member-load.ts";

export interface PeerAuthDeps {
  readonly network: string;
  readonly member: string;
  readonly members: Pick<MemberDirectory, "publicKey" | "isReplaced">;
  readonly now: () => string;
  /** See createReplayCache. */
  readonly ahead: RecordStore<string>;
  readonly requestsPerMinutePerMember: () => number;
  /** Long polls included. */
  readonly callsAtOncePerMember: () => number;
  readonly bodyBytes: () => number;
  readonly countRefusal: (code: string) => void;
}

/** Needs @fastify/rate-limit on the app. Routes with `config.public` stay unsigned. */
export function addPeerAuth(app: HttpApp, deps: PeerAuthDeps): void {
  const replay = createReplayCache({ now: deps.now, ahead: deps.ahead });
  const digests = new WeakMap<object, string>();
  const claimed = new WeakMap<object, string>();
  const memberLimit = app.createRateLimit({
    max: () => deps.requestsPerMinutePerMember(),
    timeWindow: 60_000,
    keyGenerator: (request) => `member:${claimed.get(request)}`,
  } satisfies RateLimitOptions);
  const countCall = async (request: FastifyRequest): Promise<void> => {
    const limit = await memberLimit(request);
    if (limit.isAllowed || !limit.isExceeded) return;
    throw new HttpError("ERR_HTTP_RATE_LIMIT", `more than ${limit.max} requests per minute; slow down`);
  };
  app.decorate("countMemberCall", countCall);
  const load = createMemberLoad({ callsAtOnce: deps.callsAtOncePerMember, bodyBytes: deps.bodyBytes });

  // Before the body is read: a stranger cannot make this node take in megabytes.
  app.addHook("onRequest", async (request) => {
    // Limits by size, here and behind the routes, go by `content-length`; no client of this program sends in chunks.
    if (request.headers["transfer-encoding"] !== undefined) {
      throw new HttpError("ERR_HTTP_INVALID", "content-length: missing; send the body in one piece");
    }
    if (request.routeOptions.config.public === true) return;
    try {
      const claims = await verifyPeerSignature(request.headers[SIGNATURE_HEADER], {
        network: deps.network,
        audience: deps.member,
        now: deps.now,
        publicKey: deps.members.publicKey,
        isReplaced: deps.members.isReplaced,
      });
      if (claims.method !== request.method || claims.target !== request.raw.url) {
        throw new PeerError("ERR_PEER_SIGNATURE", `${SIGNATURE_HEADER}: signed for ${claims.method} ${claims.target}`);
      }
      claimed.set(request, claims.from);
      // Before the nonce is kept: what is too much must not fill the replay cache.
      await countCall(request);
      await replay.admit(claims);
      load.enter(request, claims.from);
      request.author = claims.from;
      request.authorKey = claims.key;
      digests.set(request, claims.digest);
    } catch (error) {
      if (error instanceof PeerError || error instanceof HttpError) deps.countRefusal(error.code);
      throw error;
    }
  });

  // When the work has ended. For a caller that hung up before, there is no response, only the attempt to send one.
  app.addHook("onSend", async (request) => load.leave(request));
  app.addHook("onResponse", async (request) => load.leave(request));

  app.addHook("preValidation", async (request) => {
    if (request.routeOptions.config.public === true) return;
    if (digests.get(request) === request.bodyDigest) return;
    deps.countRefusal("ERR_PEER_SIGNATURE");
    throw new PeerError("ERR_PEER_SIGNATURE", `${SIGNATURE_HEADER}: signed over another body`);
  });
}
