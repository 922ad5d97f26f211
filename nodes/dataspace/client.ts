/** Outbound calls of the Dataspace Protocol: time and size limits, any 2xx is an acknowledgement, any answer is data. */
import type { Dispatcher } from "undici";
import { request } from "undici";
import { utf8 } from "../../crypto/suites/encoding.ts";
import type { ObservedMessage } from "../peer/client.ts";
import { parseWireJson } from "../peer/wire-json.ts";
import type { Delivery } from "./process-record.ts";

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_REASONS = 16;
const MAX_REASON_CHARACTERS = 500;
/** Not now: the other side is starting, busy, out of room, or has a message of its own on the way. */
const PASSING: readonly number[] = [408, 425, 429, 500, 502, 503, 504, 507];
/** Some answer so while they do not know the process yet, or hold it; members also while they cannot read our token. */
const DOUBTFUL: readonly number[] = [404, 409];

export interface DataspaceClient {
  post(peer: string, url: string, message: unknown, signal: AbortSignal, maxBytes?: number): Promise<Delivery>;
  /** Undefined where there is no answer, or none that is JSON. */
  get(peer: string, url: string, signal: AbortSignal): Promise<unknown>;
}

export interface DataspaceClientPorts {
  /** Connections to this participant under its TLS identity. Throws for an address that is not the participant's. */
  readonly dispatcher: (peer: string, url: string) => Promise<Dispatcher | undefined>;
  /** The `Authorization` of one call. */
  readonly authorize: (about: {
    readonly peer: string;
    readonly method: "GET" | "POST";
    readonly url: string;
    readonly body: Uint8Array;
  }) => string;
  /** Sees every body that goes out or comes in. */
  readonly observe?: (message: ObservedMessage) => void;
}

export function createDataspaceClient(ports: DataspaceClientPorts): DataspaceClient {
  async function call(
    peer: string,
    method: "GET" | "POST",
    url: string,
    body: Uint8Array,
    signal: AbortSignal,
    maxBytes = MAX_ANSWER_BYTES,
  ) {
    const dispatcher = await ports.dispatcher(peer, url);
    const seen = (direction: "sent" | "received", bytes: Uint8Array) =>
      ports.observe?.({ direction, peer, method, path: new URL(url).pathname, body: bytes });
    seen("sent", body);
    const answer = await request(url, {
      method,
      headers: {
        accept: "application/json",
        authorization: ports.authorize({ peer, method, url, body }),
        ...(method === "POST" ? { "content-type": "application/json" } : {}),
      },
      ...(method === "POST" ? { body } : {}),
      ...(dispatcher === undefined ? {} : { dispatcher }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const bytes = await readBounded(answer.body, maxBytes);
    if (bytes !== undefined) seen("received", bytes);
    return { status: answer.statusCode, body: jsonOf(bytes) };
  }

  return Object.freeze({
    async post(peer: string, url: string, message: unknown, signal: AbortSignal, maxBytes?: number): Promise<Delivery> {
      try {
        return deliveryOf(await call(peer, "POST", url, utf8(JSON.stringify(message)), signal, maxBytes));
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        return { kind: "passing", code: typeof code === "string" ? code : "unreachable", doubtful: false };
      }
    },
    async get(peer: string, url: string, signal: AbortSignal): Promise<unknown> {
      try {
        const { status, body } = await call(peer, "GET", url, new Uint8Array(), signal);
        return status >= 200 && status < 300 ? body : undefined;
      } catch {
        return undefined;
      }
    },
  });
}

/** What an answer says of the call. */
export function deliveryOf({ status, body }: { readonly status: number; readonly body: unknown }): Delivery {
  if (status >= 200 && status < 300) return { kind: "taken", answer: body };
  const { code, reason } = (body ?? {}) as { code?: unknown; reason?: unknown };
  const said = typeof code === "string" ? code.slice(0, 256) : `http-${status}`;
  if (PASSING.includes(status)) return { kind: "passing", code: said, doubtful: false };
  if (DOUBTFUL.includes(status)) return { kind: "passing", code: said, doubtful: true };
  const reasons = Array.isArray(reason) ? reason.slice(0, MAX_REASONS).map(textOf) : [];
  return { kind: "refused", code: said, reasons };
}

const textOf = (reason: unknown): string =>
  (typeof reason === "string" ? reason : JSON.stringify(reason)).slice(0, MAX_REASON_CHARACTERS);

/** Undefined for what is too long. */
async function readBounded(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let total = 0;
  for await (const part of body) {
    total += part.length;
    if (total > maxBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Whatever the content type says: some answers carry none. Undefined for what is empty or no JSON. */
function jsonOf(bytes: Buffer | undefined): unknown {
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    return parseWireJson(bytes);
  } catch {
    return undefined;
  }
}
