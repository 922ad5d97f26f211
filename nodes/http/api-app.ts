/** The management interface `api/v1`: bearer token, OpenAPI at /openapi.json, no TLS because it stays on loopback. */
import rateLimit from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import type { FastifyBaseLogger } from "fastify";
import type { NodeConfig } from "../config/node-config.ts";
import { createHttpApp, type HttpApp } from "./http-app.ts";
import { shown } from "./openapi.ts";
import { peopleOf } from "./person-token.ts";
import { addBearerAuth } from "./plugins/bearer-auth.ts";
import { addGuards, type GuardDeps } from "./plugins/guards.ts";
import { proveIdentity } from "./routes/identity/prove.ts";

export interface ApiAppDeps extends Omit<GuardDeps, "interface"> {
  readonly logger: FastifyBaseLogger;
  readonly config: () => NodeConfig;
  readonly member: string;
  readonly token: string;
}

/** `routes` adds the endpoints; the app is ready to inject or listen when this resolves. */
export async function createApiApp(
  deps: ApiAppDeps,
  routes: (app: HttpApp) => void,
): Promise<{ readonly app: HttpApp; readonly running: () => number }> {
  const app = createHttpApp({
    logger: deps.logger,
    maxBodyBytes: () => deps.config().limits.bodyBytes,
    requestTimeoutMs: deps.config().limits.requestTimeoutMs,
  });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Sealane management interface", version: "1" },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{ token: [] }],
    },
    transform: shown as never,
  });
  await app.register(rateLimit, { max: () => deps.config().limits.apiRequestsPerMinute, timeWindow: 60_000 });
  addBearerAuth(app, {
    member: deps.member,
    token: deps.token,
    people: () => peopleOf(deps.config()),
    operator: () => `${deps.member}/${deps.config().operator.name}`,
    refusalsPerMinute: () => deps.config().limits.apiRequestsPerMinute,
  });
  const { running } = addGuards(app, { ...deps, interface: "api" });
  app.get("/openapi.json", { schema: { hide: true }, config: { public: true, accessLog: false } }, async () =>
    app.swagger(),
  );
  proveIdentity(app, deps);
  routes(app);
  await app.ready();
  return { app, running };
}
