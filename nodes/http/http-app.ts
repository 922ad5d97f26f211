/**
 * What both interfaces of a node share: TypeBox in and out, problem documents, size and time limits. An app is built
 * apart from listening, so tests inject requests without a socket.
 */
import type { ServerOptions } from "node:https";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerBase,
} from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { HttpError } from "./http-error.ts";
import { problemOf } from "./problem.ts";

export type HttpApp = FastifyInstance<
  RawServerBase,
  RawRequestDefaultExpression<RawServerBase>,
  RawReplyDefaultExpression<RawServerBase>,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface HttpAppOptions {
  readonly logger: FastifyBaseLogger;
  readonly bodyLimit: number;
  /** For the arrival of a whole request: a slow sender is cut off. */
  readonly requestTimeoutMs: number;
  /** TLS key and certificate; absent: plain HTTP. */
  readonly https?: ServerOptions;
}

export const PROBLEM_TYPE = "application/problem+json";

export function createHttpApp(options: HttpAppOptions): HttpApp {
  const timeouts = {
    headersTimeout: options.requestTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    connectionsCheckingInterval: Math.min(options.requestTimeoutMs, 5_000),
  };
  const app = Fastify({
    loggerInstance: options.logger,
    bodyLimit: options.bodyLimit,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: 60_000,
    routerOptions: { maxParamLength: 200 },
    disableRequestLogging: true,
    forceCloseConnections: true,
    ...(options.https === undefined ? { http: timeouts } : { https: { ...timeouts, ...options.https } }),
  } as object).withTypeProvider<TypeBoxTypeProvider>() as unknown as HttpApp;

  app.setValidatorCompiler(TypeBoxValidatorCompiler as never);
  app.setSerializerCompiler(filteringSerializer as never);
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    // The one place where a failure is logged; bodies and query values stay out of the log.
    const about = { code: problem.code, method: request.method, route: request.routeOptions.url };
    if (problem.status >= 500) request.log.error({ ...about, err: error }, "request failed");
    else request.log.info(about, "request refused");
    return reply.code(problem.status).header("content-type", PROBLEM_TYPE).send(problem);
  });
  app.setNotFoundHandler(() => {
    throw new HttpError("ERR_HTTP_NOT_FOUND", "no such resource");
  });
  return app;
}

/** Only what the response schema declares leaves the node; an answer that lacks a declared field is a defect (500). */
function filteringSerializer({ schema }: { schema: TSchema }): (value: unknown) => string {
  const validator = Compile(schema);
  return (value) => {
    const plain: unknown = JSON.parse(JSON.stringify(value ?? null));
    const cleaned = validator.Clean(plain);
    if (!validator.Check(cleaned)) {
      const first = validator.Errors(cleaned)[0];
      throw new TypeError(`response schema: ${first?.instancePath} ${first?.message}`);
    }
    return JSON.stringify(cleaned);
  };
}
