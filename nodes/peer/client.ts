/**
 * Outbound calls to other members: signed request, pinned TLS identity, time and size limits, answer checked against
 * a schema. Failed attempts are repeated with backoff where the call says that repeating is harmless.
 */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Static, type TSchema, Type } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import { Agent, buildConnector, type Dispatcher } from "undici";
import { utf8 } from "../../crypto/suites/encoding.ts";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import type { PeerTarget } from "./member-directory.ts";
import { PeerError } from "./peer-error.ts";
import { SIGNATURE_HEADER, signPeerRequest } from "./request-signature.ts";
import { pinOfCertificate } from "./tls-pin.ts";
import { parseWireJson } from "./wire-json.ts";

export const PEER_DEFAULTS = Object.freeze({
  connectTimeoutMs: 10_000,
  timeoutMs: 30_000,
  maxBytes: 64 * 1024 * 1024,
  attempts: 3,
  backoffMs: 200,
});

/** An answer that is no JSON. */
export const PEER_BYTES = Type.Unsafe<Uint8Array>({});

export interface PeerCall<S extends TSchema> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path with query, for example `/peer/v1/requests/<id>`. */
  readonly path: string;
  /** Sent as JSON; bytes as they are. */
  readonly body?: unknown;
  /** What a successful answer must be; anything else is ERR_PEER_PROTOCOL. `PEER_BYTES` takes bytes as they are. */
  readonly response: S;
  /** For the whole answer. A long poll adds its wait. */
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
  /** Total tries when the other side cannot be reached, times out or answers 429/502/503/504; default 3 for GET, 1 otherwise. */
  readonly attempts?: number;
  readonly signal?: AbortSignal;
  /** Told the bytes of every body that goes out or comes in, failed attempts included. */
  readonly onBytes?: (direction: "sent" | "received", bytes: number) => void;
}

export interface PeerClient {
  /** Resolves with the checked answer (undefined for 204 under `Type.Undefined()`). Throws PeerError. */
  call<S extends TSchema>(target: PeerTarget, call: PeerCall<S>): Promise<Static<S>>;
  /** A connection of its own, authenticated by the signed request that opens it. Throws PeerError. */
  connect(target: PeerTarget, path: string, protocol: string): Promise<PeerConnection>;
  /** The connections to this member, for calls that are authenticated in another way. */
  pool(target: PeerTarget): Agent;
  /** Tells whoever watches this client of a call that went another way. */
  observe(message: ObservedMessage): void;
  close(): Promise<void>;
}

export interface PeerConnection {
  readonly socket: Socket;
  /** To be told of every message. */
  readonly observe: (direction: "sent" | "received", path: string, body: Uint8Array) => void;
}

export interface PeerClientOptions {
  readonly identity: () => SigningIdentity;
  readonly network: string;
  readonly now: () => string;
  readonly random: (bytes: number) => Uint8Array;
  /** The other side does not know the signing key; true when `identity` now gives another one worth a try. */
  readonly onUnknownKey?: () => boolean;
  /** Sees every request and answer body; used by the leak detector and the byte counters of the demo. */
  readonly observe?: (message: ObservedMessage) => void;
}

export interface ObservedMessage {
  readonly direction: "sent" | "received";
  readonly peer: string;
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array;
}

const RETRIED_STATUS: readonly number[] = [429, 502, 503, 504];
const RETRIED_CODE: readonly string[] = ["ERR_PEER_UNREACHABLE", "ERR_PEER_TIMEOUT"];

export function createPeerClient(options: PeerClientOptions): PeerClient {
  const agents = new Map<string, Agent>();
  const connections = new Set<Socket>();
  const validators = new WeakMap<TSchema, Validator>();

  function agentFor(target: PeerTarget): Agent {
    const id = `${target.endpoint} ${target.tls}`;
    const existing = agents.get(id);
    if (existing !== undefined) return existing;
    const agent = new Agent({ connect: pinnedConnector(target), connections: 64, keepAliveTimeout: 30_000 });
    agents.set(id, agent);
    return agent;
  }

  function checked<S extends TSchema>(schema: S, value: unknown, what: string): Static<S> {
    let validator = validators.get(schema);
    if (validator === undefined) {
      validator = Compile(schema) as Validator;
      validators.set(schema, validator);
    }
    if (validator.Check(value)) return value as Static<S>;
    const first = validator.Errors(value)[0];
    throw new PeerError("ERR_PEER_PROTOCOL", `${what}: answer ${first?.instancePath || "/"} ${first?.message ?? ""}`);
  }

  async function attempt<S extends TSchema>(target: PeerTarget, call: PeerCall<S>): Promise<Static<S>> {
    const what = `${call.method} ${call.path} at ${target.member}`;
    const isBinary = call.body instanceof Uint8Array;
    const body = isBinary ? call.body : call.body === undefined ? new Uint8Array() : utf8(JSON.stringify(call.body));
    const signature = signPeerRequest(
      options.identity(),
      { network: options.network, to: target.member, method: call.method, target: call.path, body },
      options,
    );
    call.onBytes?.("sent", body.length);
    options.observe?.({ direction: "sent", peer: target.member, method: call.method, path: call.path, body });
    const ending = endOf(call.timeoutMs ?? PEER_DEFAULTS.timeoutMs, call.signal);
    const { signal } = ending;
    try {
      const answer = await agentFor(target).request({
        origin: target.endpoint,
        path: call.path,
        method: call.method,
        headers: {
          [SIGNATURE_HEADER]: signature,
          accept: call.response === (PEER_BYTES as TSchema) ? "application/octet-stream" : "application/json",
          ...(call.body === undefined
            ? {}
            : { "content-type": isBinary ? "application/octet-stream" : "application/json" }),
        },
        ...(call.body === undefined ? {} : { body }),
        signal,
      });
      const bytes = await readBounded(answer, call.maxBytes ?? PEER_DEFAULTS.maxBytes, what);
      call.onBytes?.("received", bytes.length);
      options.observe?.({
        direction: "received",
        peer: target.member,
        method: call.method,
        path: call.path,
        body: bytes,
      });
      const succeeded = answer.statusCode >= 200 && answer.statusCode < 300;
      if (succeeded && call.response === (PEER_BYTES as TSchema)) return bytes as Static<S>;
      const value = bytes.length === 0 ? undefined : parseJson(bytes, what);
      if (succeeded) return checked(call.response, value, what);
      throw refusal(answer.statusCode, value, what);
    } catch (error) {
      throw asPeerError(error, what, { timedOut: ending.isLate(), aborted: call.signal?.aborted ?? false });
    } finally {
      ending.callOff();
    }
  }

  return Object.freeze({
    async call<S extends TSchema>(target: PeerTarget, call: PeerCall<S>): Promise<Static<S>> {
      const attempts = call.attempts ?? (call.method === "GET" ? PEER_DEFAULTS.attempts : 1);
      let switched = false;
      for (let tried = 1; ; tried++) {
        try {
          return await attempt(target, call);
        } catch (error) {
          if (isUnknownKey(error) && !switched && options.onUnknownKey?.() === true) {
            switched = true;
            continue;
          }
          if (tried >= attempts || !isRetried(error)) throw error;
          await sleep(PEER_DEFAULTS.backoffMs * 2 ** (tried - 1), undefined, { signal: call.signal });
        }
      }
    },
    async connect(target: PeerTarget, path: string, protocol: string) {
      const request = { network: options.network, to: target.member, method: "GET", target: path };
      const signature = signPeerRequest(options.identity(), { ...request, body: new Uint8Array() }, options);
      const signal = AbortSignal.timeout(PEER_DEFAULTS.timeoutMs);
      const headers = { [SIGNATURE_HEADER]: signature };
      const opening = { origin: target.endpoint, path, method: "GET", protocol, headers, signal };
      const { socket } = await agentFor(target)
        .upgrade(opening)
        .catch((error) => {
          throw asPeerError(error, `${path} at ${target.member}`, { timedOut: signal.aborted, aborted: false });
        });
      connections.add(socket as Socket);
      socket.once("close", () => connections.delete(socket as Socket));
      return Object.freeze({
        socket: socket as Socket,
        observe: (direction: "sent" | "received", path: string, body: Uint8Array) =>
          options.observe?.({ direction, peer: target.member, method: "MESSAGE", path, body }),
      });
    },
    pool: agentFor,
    observe: (message: ObservedMessage) => options.observe?.(message),
    async close() {
      for (const socket of connections) socket.destroy();
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
      agents.clear();
    },
  });
}

/** Certificates are self-signed: the key pinned on the ledger is the whole identity, names and dates are not. */
export function pinnedConnector(target: PeerTarget): buildConnector.connector {
  // A resumed session shows no certificate, so sessions are not kept.
  const connect = buildConnector({
    rejectUnauthorized: false,
    maxCachedSessions: 0,
    timeout: PEER_DEFAULTS.connectTimeoutMs,
  });
  return (connectOptions, callback) =>
    connect(connectOptions, (...result) => {
      const [error, socket] = result;
      if (error !== null) return callback(error, null);
      const certificate = "getPeerX509Certificate" in socket ? socket.getPeerX509Certificate() : undefined;
      const shown = certificate === undefined ? "none" : pinOfCertificate(certificate);
      if (shown === target.tls) return callback(null, socket);
      socket.destroy();
      return callback(
        new PeerError(
          "ERR_PEER_TLS_IDENTITY",
          `${target.endpoint}: TLS key ${shown} is not the key ${target.tls} that the ledger names for ${target.member}`,
        ),
        null,
      );
    });
}

/** As `AbortSignal.any` with a timeout, but nothing of it is left to the collector and to timers when the call has ended. */
function endOf(milliseconds: number, called: AbortSignal | undefined) {
  const controller = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    controller.abort();
  }, milliseconds);
  const abort = () => controller.abort(called?.reason);
  if (called?.aborted === true) abort();
  called?.addEventListener("abort", abort);
  return {
    signal: controller.signal,
    isLate: () => late,
    callOff(): void {
      clearTimeout(timer);
      called?.removeEventListener("abort", abort);
    },
  };
}

async function readBounded(answer: Dispatcher.ResponseData, maxBytes: number, what: string): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let total = 0;
  for await (const part of answer.body as AsyncIterable<Buffer>) {
    total += part.length;
    if (total > maxBytes) throw new PeerError("ERR_PEER_TOO_LARGE", `${what}: answer is longer than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return parseWireJson(bytes);
  } catch (cause) {
    throw new PeerError("ERR_PEER_PROTOCOL", `${what}: answer is not JSON`, { cause });
  }
}

function refusal(status: number, value: unknown, what: string): PeerError {
  const problem = (typeof value === "object" && value !== null ? value : {}) as { code?: unknown; detail?: unknown };
  const code = typeof problem.code === "string" ? problem.code.slice(0, 64) : undefined;
  const detail = typeof problem.detail === "string" ? `: ${problem.detail.slice(0, 500)}` : "";
  return new PeerError("ERR_PEER_REFUSED", `${what}: answered ${status}${code ? ` ${code}` : ""}${detail}`, {
    answer: { status, code },
  });
}

function asPeerError(error: unknown, what: string, state: { timedOut: boolean; aborted: boolean }): unknown {
  if (error instanceof PeerError) return error;
  if (state.aborted) return error;
  if (state.timedOut) return new PeerError("ERR_PEER_TIMEOUT", `${what}: no answer in time`, { cause: error });
  const code = (error as { code?: string }).code;
  return new PeerError("ERR_PEER_UNREACHABLE", `${what}: ${code ?? (error as Error).message}`, { cause: error });
}

const UNKNOWN_KEY: readonly unknown[] = ["ERR_PEER_UNKNOWN_MEMBER", "ERR_PEER_KEY_REPLACED"];
const isUnknownKey = (error: unknown): boolean =>
  error instanceof PeerError && UNKNOWN_KEY.includes(error.answer?.code);

function isRetried(error: unknown): boolean {
  if (!(error instanceof PeerError)) return false;
  return RETRIED_CODE.includes(error.code) || RETRIED_STATUS.includes(error.answer?.status ?? 0);
}
