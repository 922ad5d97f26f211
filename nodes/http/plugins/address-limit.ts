/** The rate of one address, counted before anything is looked at, unknown paths included. */
import type { HttpApp } from "../http-app.ts";
import { HttpError } from "../http-error.ts";

/** Needs @fastify/rate-limit on the app; call before authentication is added. */
export function addAddressLimit(
  app: HttpApp,
  deps: { readonly requestsPerMinute: () => number; readonly countRefusal: (code: string) => void },
): void {
  const addressLimit = app.createRateLimit({ max: () => deps.requestsPerMinute(), timeWindow: 60_000 });
  app.addHook("onRequest", async (request) => {
    // A caller that hung up before its turn has no address any more, and hears no answer.
    if (request.socket.destroyed)
      throw new HttpError("ERR_HTTP_INVALID", "connection: closed before the request was read");
    const limit = await addressLimit(request);
    if (limit.isAllowed || !limit.isExceeded) return;
    deps.countRefusal("ERR_HTTP_RATE_LIMIT");
    throw new HttpError("ERR_HTTP_RATE_LIMIT", `more than ${limit.max} requests per minute; slow down`);
  });
}
