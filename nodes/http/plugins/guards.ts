/**
 * What stands before and behind every route of both interfaces: nothing runs unseen (access log), nothing writes onto
 * a full disk, every call is counted.
 */
import type { FastifyRequest } from "fastify";
import type { Metrics } from "../../runtime/metrics.ts";
import type { AccessLog } from "../../store/access-log.ts";
import type { HttpApp } from "../http-app.ts";
import { HttpError } from "../http-error.ts";
import { PROBLEM_TYPE, problemOf } from "../problem.ts";

export interface GuardDeps {
  readonly interface: "api" | "peer";
  readonly accessLog: AccessLog;
  readonly assertWritable: () => void;
  readonly metrics: Metrics;
}

const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/** Call after authentication is in place. Returns the number of calls that run now, long polls apart. */
export function addGuards(app: HttpApp, deps: GuardDeps): { readonly running: () => number } {
  let running = 0;
  const counted = new WeakSet<object>();
  app.addHook("onRequest", async (request) => {
    const { config } = request.routeOptions;
    if (config.longPoll !== true) {
      running += 1;
      counted.add(request);
    }
    if (isAudited(request) && deps.accessLog.stopped()) throw auditStopped();
    if (!SAFE_METHODS.includes(request.method) && config.readOnlySafe !== true) deps.assertWritable();
  });

  // A stranger must not be able to fill the log: its refused peer requests, and guesses beyond the rate, are only counted.
  function actorOf(request: FastifyRequest, status: number): string | undefined {
    if (request.author !== "") return request.author;
    if (request.operator !== "") return request.operator;
    return (deps.interface === "peer" && status >= 400) || status === 429 ? undefined : "anonymous";
  }

  // A caller that hung up gets no response; what ran for it ends with the attempt to send one.
  const ended = (request: FastifyRequest) => {
    if (counted.delete(request)) running -= 1;
  };

  async function logAccess(request: FastifyRequest, status: number): Promise<void> {
    const actor = actorOf(request, status);
    if (request.accessLogged || !isAudited(request) || actor === undefined) return;
    request.accessLogged = true;
    try {
      await deps.accessLog.append({
        actor,
        action: `${request.method} ${request.routeOptions.url ?? ""}`.slice(0, 300),
        target: targetOf(request),
        outcome: String(status),
      });
    } catch (error) {
      request.log.error({ err: error }, "access log stopped");
      throw auditStopped();
    }
  }
  app.decorate("logAccess", logAccess);

  app.addHook("onSend", async (request, reply, payload) => {
    if (reply.raw.destroyed) ended(request);
    try {
      await logAccess(request, reply.statusCode);
      return payload;
    } catch (error) {
      const problem = problemOf(error);
      reply.code(problem.status).header("content-type", PROBLEM_TYPE);
      reply.removeHeader("content-length");
      return JSON.stringify(problem);
    }
  });

  app.addHook("onResponse", async (request, reply) => {
    ended(request);
    deps.metrics.observeCall({
      interface: deps.interface,
      method: request.method,
      route: request.routeOptions.url ?? "unknown",
      status: reply.statusCode,
      seconds: reply.elapsedTime / 1000,
    });
  });
  return { running: () => running };
}

const auditStopped = (): HttpError =>
  new HttpError("ERR_HTTP_AUDIT_STOPPED", "the access log cannot be written; no call is served until it can");

const isAudited = (request: FastifyRequest): boolean =>
  request.routeOptions.url !== undefined && request.routeOptions.config.accessLog !== false;

function targetOf(request: FastifyRequest): string {
  const parameters = Object.values((request.params ?? {}) as Record<string, string>);
  return parameters.join(" ").slice(0, 300);
}
