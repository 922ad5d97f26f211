/**
 * What both interfaces of a node share: TypeBox in and out, problem documents, size and time limits. An app is built
 * apart from listening, so tests inject requests without a socket.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { ServerOptions } from "node:https";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify, {
  type ConnectionError,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RawServerDefault,
} from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { bodyDigest } from "../peer/request-signature.ts";
import { parseWireJson } from "../peer/wire-json.ts";
import { isClosed } from "./closed-schema.ts";
import { compileValidator } from "./convert-text.ts";
import { HttpError } from "./http-error.ts";
import { PROBLEM_TYPE, problemOf, type ValidatedPart } from "./problem.ts";
import "./request-context.ts";
import { factsOf, methodsAt, type RouteFacts } from "./route-facts.ts";

export type HttpApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface HttpAppOptions {
  readonly logger: FastifyBaseLogger;
  /** Asked for every request, so that a reload of the configuration counts at once. */
  readonly maxBodyBytes: () => number;
  /** For the arrival of a whole request: a slow sender is cut off. */
  readonly requestTimeoutMs: number;
  /** TLS key and certificate; absent: plain HTTP. */
  readonly https?: ServerOptions;
}

const EMPTY_BODY_DIGEST = bodyDigest(new Uint8Array());
const BROKEN_HTTP: Readonly<Record<string, HttpError["code"]>> = Object.freeze({
  ERR_HTTP_REQUEST_TIMEOUT: "ERR_HTTP_TIMEOUT",
  HPE_HEADER_OVERFLOW: "ERR_HTTP_HEADERS",
});
/** Hard ceiling of the framework; `maxBodyBytes` decides below it. */
const BODY_CEILING_BYTES = 1 << 30;
/** How long `closeGently` waits for running calls. */
const DRAIN_MS = 5_000;

export function createHttpApp(options: HttpAppOptions): HttpApp {
  const timeouts = {
    headersTimeout: options.requestTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    connectionsCheckingInterval: Math.min(options.requestTimeoutMs, 5_000),
  };
  const app = Fastify({
    loggerInstance: options.logger,
    bodyLimit: BODY_CEILING_BYTES,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: 60_000,
    routerOptions: { maxParamLength: 200 },
    logController: new LogController({ disableRequestLogging: true }),
    frameworkErrors: answerProblem,
    clientErrorHandler: answerBrokenHttp,
    forceCloseConnections: true,
    ...(options.https === undefined ? { http: timeouts } : { https: { ...timeouts, ...options.https } }),
  } as object).withTypeProvider<TypeBoxTypeProvider>() as unknown as HttpApp;

  app.decorateRequest("author", "");
  app.decorateRequest("operator", "");
  app.decorateRequest("bodyDigest", EMPTY_BODY_DIGEST);
  app.decorateRequest("accessLogged", false);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", (request: FastifyRequest, payload: IncomingMessage) =>
    // A route that needs less says so with its own `bodyLimit`.
    readJsonBody(request, payload, Math.min(options.maxBodyBytes(), request.routeOptions.bodyLimit)),
  );
  app.addContentTypeParser("application/octet-stream", async (request: FastifyRequest, payload: IncomingMessage) => {
    if (request.routeOptions.config.binary !== true) {
      throw new HttpError("ERR_HTTP_MEDIA_TYPE", "content-type: this resource takes application/json");
    }
    return await readBody(request, payload, Math.min(options.maxBodyBytes(), request.routeOptions.bodyLimit));
  });
  app.setValidatorCompiler(compileValidator as never);
  app.setSerializerCompiler(filteringSerializer as never);
  app.setErrorHandler(answerProblem);
  const routes: RouteFacts[] = [];
  app.decorate("routeFacts", routes);
  app.addHook("onRoute", (route) => {
    routes.push(...factsOf(route));
  });
  const refuseUnknown = (request: FastifyRequest, reply: FastifyReply): never => {
    const methods = methodsAt(routes, request.raw.url ?? "");
    if (methods.length === 0) throw new HttpError("ERR_HTTP_NOT_FOUND", "no such resource");
    reply.header("allow", methods.join(", "));
    throw new HttpError("ERR_HTTP_METHOD", `${request.method}: this resource takes ${methods.join(", ")}`);
  };
  app.setNotFoundHandler(refuseUnknown);
  // After authentication, before the framework asks for what some methods need.
  app.addHook("preParsing", async (request, reply) => {
    if (request.is404) refuseUnknown(request, reply);
  });
  return app;
}

function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): unknown {
  const problem = problemOf(error, (context) => validatedPart(request, context));
  // The one place where a failure is logged; bodies and query values stay out of the log.
  const about = { code: problem.code, method: request.method, route: request.routeOptions?.url };
  if (problem.code === "ERR_HTTP_INTERNAL") request.log.error({ ...about, err: error }, "request failed");
  else if (problem.status >= 500) request.log.warn(about, "request failed");
  else request.log.info(about, "request refused");
  return reply.code(problem.status).header("content-type", PROBLEM_TYPE).send(problem);
}

/** `context` is the framework's name: body, params, querystring or headers. */
function validatedPart(request: FastifyRequest, context: string): ValidatedPart | undefined {
  const schema = (request.routeOptions?.schema as Record<string, TSchema | undefined> | undefined)?.[context];
  const parts: Readonly<Record<string, unknown>> = {
    body: request.body,
    params: request.params,
    querystring: request.query,
  };
  return schema === undefined ? undefined : { schema, value: parts[context] };
}

/** What the HTTP parser refused has no request and no reply yet: the answer is written by hand. */
function answerBrokenHttp(error: ConnectionError, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(new HttpError(BROKEN_HTTP[error.code] ?? "ERR_HTTP_INVALID", "request: not valid HTTP"));
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** Waits a moment for running calls (long polls apart), then closes every connection. */
export async function closeGently(app: HttpApp, running: () => number): Promise<void> {
  const until = Date.now() + DRAIN_MS;
  while (running() > 0 && Date.now() < until) await sleep(20);
  await app.close();
}

async function readBody(
  request: FastifyRequest,
  payload: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<Uint8Array> {
  const tooLarge = () => new HttpError("ERR_HTTP_TOO_LARGE", `body: longer than ${maxBytes} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge();
  const parts: Buffer[] = [];
  let total = 0;
  for await (const part of payload) {
    total += part.length;
    if (total > maxBytes) throw tooLarge();
    parts.push(part);
  }
  const bytes = Buffer.concat(parts);
  request.bodyDigest = bodyDigest(bytes);
  return bytes;
}

async function readJsonBody(
  request: FastifyRequest,
  payload: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<unknown> {
  const bytes = await readBody(request, payload, maxBytes);
  try {
    return parseWireJson(bytes);
  } catch (cause) {
    const { message } = cause as Error;
    throw new HttpError("ERR_HTTP_INVALID", `body: not valid JSON in UTF-8: ${message}`, {
      cause,
      problems: [{ field: "body", code: "body-not-json", parameters: { reason: message } }],
    });
  }
}

/** Only what the response schema declares leaves the node; an answer that lacks a declared field is a defect (500). */
function filteringSerializer({ schema }: { schema: TSchema }): (value: unknown) => string {
  const validator = Compile(schema);
  const closed = isClosed(schema);
  return (value) => {
    // What a closed schema admits has nothing to filter.
    if (closed && validator.Check(value)) return JSON.stringify(value);
    const plain: unknown = JSON.parse(JSON.stringify(value ?? null));
    const cleaned = validator.Clean(plain);
    if (!validator.Check(cleaned)) {
      const first = validator.Errors(cleaned)[0];
      throw new TypeError(`response schema: ${first?.instancePath} ${first?.message}`);
    }
    return JSON.stringify(cleaned);
  };
}
