/** Bearer token of the management interface (RFC 6750), compared in constant time. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { HttpApp } from "../http-app.ts";
import { HttpError } from "../http-error.ts";
import { everybody, type People, personOf } from "../person-token.ts";

const SCHEME = /^Bearer ([\x21-\x7e]{1,512})$/i;
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/**
 * Routes with `config.public` stay open. `operator` is the identity that decisions carry. Wrong tokens have a rate of
 * their own: they stop neither the operator at the same address nor run without end. Needs @fastify/rate-limit.
 */
export function addBearerAuth(
  app: HttpApp,
  deps: {
    readonly member: string;
    readonly token: string;
    readonly operator: () => string;
    /** Persons who have tokens of their own, for the routes with their role as `config.people`. */
    readonly people: () => People;
    readonly refusalsPerMinute: () => number;
  },
): void {
  const expected = digest(deps.token);
  const refusalLimit = app.createRateLimit({ max: () => deps.refusalsPerMinute(), timeWindow: 60_000 });
  app.addHook("onRequest", async (request, reply) => {
    if (request.routeOptions.config.public === true) return;
    const given = SCHEME.exec(request.headers.authorization ?? "")?.[1];
    // Digests have one length, so that neither length nor content shows in the time taken.
    if (given !== undefined && timingSafeEqual(digest(given), expected)) {
      request.operator = deps.operator();
      return;
    }
    const person = given === undefined ? undefined : personOf(given, deps.token, everybody(deps.people()));
    if (person !== undefined) {
      const role = request.routeOptions.config.people;
      if (role === undefined || !deps.people()[role].includes(person)) {
        throw new HttpError("ERR_HTTP_FORBIDDEN", `${person}: is not named for this in the configuration`);
      }
      request.operator = `${deps.member}/${person}`;
      return;
    }
    const limit = await refusalLimit(request);
    if (!limit.isAllowed && limit.isExceeded) {
      throw new HttpError("ERR_HTTP_RATE_LIMIT", `more than ${limit.max} wrong tokens per minute; slow down`);
    }
    reply.header("www-authenticate", 'Bearer realm="sealane"');
    throw new HttpError(
      "ERR_HTTP_UNAUTHENTICATED",
      "authorization: send the bearer token of the node folder's token file",
    );
  });
}
