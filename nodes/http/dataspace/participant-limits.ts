/** What one participant may ask of this node in a minute and at once: the same limits as for calls between members. */
import type { RateLimitOptions } from "@fastify/rate-limit";
import type { FastifyRequest } from "fastify";
import type { HttpApp } from "../http-app.ts";
import { HttpError } from "../http-error.ts";
import { createMemberLoad } from "../plugins/member-load.ts";

export interface ParticipantLimits {
  /** For a participant that is known. Throws HttpError ERR_HTTP_RATE_LIMIT. */
  enter(request: FastifyRequest): Promise<void>;
  leave(request: FastifyRequest): void;
}

/** Needs @fastify/rate-limit on the app. */
export function createParticipantLimits(
  app: HttpApp,
  limits: {
    readonly requestsPerMinute: () => number;
    readonly callsAtOnce: () => number;
    readonly bodyBytes: () => number;
  },
): ParticipantLimits {
  const rate = app.createRateLimit({
    max: () => limits.requestsPerMinute(),
    timeWindow: 60_000,
    keyGenerator: (request) => `participant:${request.author}`,
  } satisfies RateLimitOptions);
  const load = createMemberLoad(limits);
  return Object.freeze({
    async enter(request: FastifyRequest) {
      const limit = await rate(request);
      if (!limit.isAllowed && limit.isExceeded) {
        throw new HttpError("ERR_HTTP_RATE_LIMIT", `more than ${limit.max} requests per minute; slow down`);
      }
      load.enter(request, request.author);
    },
    leave: load.leave,
  });
}
