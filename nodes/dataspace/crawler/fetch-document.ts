/** One call to a connector that may be slow, endless or hostile: bounded in time, in bytes, and in bytes once unpacked. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type Dispatcher, request } from "undici";
import { utf8 } from "../../../crypto/suites/encoding.ts";
import { parseWireJson } from "../../peer/wire-json.ts";
import type { DataspaceClientPorts } from "../client.ts";
import { CrawlError } from "./crawl-error.ts";

export interface CallLimits {
  readonly callMs: number;
  readonly bytes: number;
  /** After unpacking. */
  readonly plainBytes: number;
}

export interface FetchedDocument {
  readonly document: unknown;
  readonly link: string;
}

const unpack = promisify(gunzip);

/** Throws CrawlError for whatever is no document. */
export async function fetchDocument(
  ports: DataspaceClientPorts,
  call: { readonly peer: string; readonly method: "GET" | "POST"; readonly url: string; readonly message?: unknown },
  limits: CallLimits,
  signal: AbortSignal,
): Promise<FetchedDocument> {
  const { peer, method, url, message } = call;
  const body = message === undefined ? new Uint8Array() : utf8(JSON.stringify(message));
  const late = AbortSignal.timeout(limits.callMs);
  try {
    const dispatcher = await ports.dispatcher(peer, url);
    const answer = await request(url, {
      method,
      headers: {
        accept: "application/json",
        "accept-encoding": "gzip",
        authorization: ports.authorize({ peer, method, url, body }),
        ...(message === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(message === undefined ? {} : { body }),
      ...(dispatcher === undefined ? {} : { dispatcher }),
      signal: AbortSignal.any([signal, late]),
    });
    const { statusCode, headers } = answer;
    if (statusCode !== 200) {
      answer.body.on("error", () => undefined).destroy();
      throw new CrawlError(statusCode === 404 ? "not-found" : "refused");
    }
    const bytes = await plainBytes(answer, limits);
    return { document: parsed(bytes), link: String(headers["link"] ?? "") };
  } catch (error) {
    if (error instanceof CrawlError) throw error;
    if (signal.aborted) throw signal.reason instanceof CrawlError ? signal.reason : new CrawlError("stopped");
    throw new CrawlError(late.aborted ? "too-slow" : "unreachable");
  }
}

async function plainBytes({ body, headers }: Dispatcher.ResponseData, limits: CallLimits): Promise<Uint8Array> {
  const coding = headers["content-encoding"];
  const isPacked = coding === "gzip";
  if (!isPacked && coding !== undefined && coding !== "identity") throw new CrawlError("not-json");
  const limit = isPacked ? limits.bytes : Math.min(limits.bytes, limits.plainBytes);
  const parts: Buffer[] = [];
  let total = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    total += part.length;
    if (total > limit) throw new CrawlError("too-large");
    parts.push(part);
  }
  const bytes = Buffer.concat(parts);
  if (!isPacked) return bytes;
  try {
    return await unpack(bytes, { maxOutputLength: limits.plainBytes });
  } catch (error) {
    // Of what is no gzip it is an Error.
    throw new CrawlError(error instanceof RangeError ? "too-large" : "not-json");
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return parseWireJson(bytes);
  } catch {
    throw new CrawlError("not-json");
  }
}
