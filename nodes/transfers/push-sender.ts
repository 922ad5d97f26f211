/**
 * Sends one delivery to the address that the consumer named: in parts from where its file ends, where the other side
 * says how far it is; else in one piece. Returns when the other side has everything.
 */
import { Readable } from "node:stream";
import { type Dispatcher, request } from "undici";
import type { HttpAddress } from "../../exchange/transfers/data-address.ts";
import type { Delivery } from "./deliveries.ts";
import { TransferError } from "./transfer-error.ts";

const PART_BYTES = 512 * 1024;
const TIMEOUT_MS = 60_000;

export interface PushPorts {
  readonly dispatcher: (url: URL) => Promise<Dispatcher>;
  readonly address: HttpAddress;
  /** From this byte on. */
  readonly open: (from: number) => Promise<Delivery>;
  readonly signal: AbortSignal;
  /** The other side has a part more. */
  readonly onProgress?: () => Promise<void>;
}

export async function push({ dispatcher, address, open, signal, onProgress }: PushPorts): Promise<void> {
  const url = new URL(address.endpoint);
  const call = async (method: "HEAD" | "PATCH" | "PUT", headers: Record<string, string>, body?: Buffer | Readable) => {
    const answer = await request(url, {
      method,
      dispatcher: await dispatcher(url),
      headers: { authorization: `Bearer ${address.token}`, ...headers },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(body instanceof Readable ? 10 * TIMEOUT_MS : TIMEOUT_MS)]),
    });
    await answer.body.dump();
    return answer;
  };
  const offsetOf = ({ headers }: { readonly headers: Record<string, string | string[] | undefined> }) => {
    const text = headers["upload-offset"];
    return typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  };

  const asked = await call("HEAD", {});
  const held = asked.statusCode < 300 ? offsetOf(asked) : undefined;
  if (asked.statusCode === 401) throw new TransferError("ERR_TRANSFER_TOKEN", "token-expired");
  // Not what it says of a method that it does not know: it is away, and nothing is sent to it in vain.
  if (asked.statusCode >= 500 && asked.statusCode !== 501) throw otherSide(asked.statusCode);
  const first = await open(0);
  try {
    if (held === undefined) return await putWhole(first);
    // What it holds may be of another version: then it takes this one from the start.
    const from = asked.headers["sealane-digest"] === first.snapshot.digest ? held : 0;
    if (from === 0) return await sendParts(first);
    if (from >= first.snapshot.bytes) return;
  } finally {
    await first.close();
  }
  const rest = await open(held);
  try {
    await sendParts(rest);
  } finally {
    await rest.close();
  }

  async function putWhole({ pieces, snapshot }: Delivery): Promise<void> {
    const headers = { "content-type": "text/csv; charset=utf-8", "content-length": String(snapshot.bytes) };
    const { statusCode } = await call("PUT", headers, Readable.from(pieces(), { objectMode: false }));
    if (statusCode >= 300) throw otherSide(statusCode);
  }

  async function sendParts({ from, pieces, snapshot }: Delivery): Promise<void> {
    let at = from;
    for await (const part of gathered(pieces())) {
      const { statusCode, headers } = await call(
        "PATCH",
        {
          "content-type": "application/octet-stream",
          "content-length": String(part.length),
          "upload-offset": String(at),
          "sealane-digest": snapshot.digest,
          "sealane-bytes": String(snapshot.bytes),
        },
        part,
      );
      if (statusCode === 401) throw new TransferError("ERR_TRANSFER_TOKEN", "token-expired");
      if (statusCode >= 300) throw otherSide(statusCode);
      at += part.length;
      if (offsetOf({ headers }) !== at) throw otherSide(statusCode);
      await onProgress?.();
    }
  }
}

async function* gathered(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const piece of pieces) {
    parts.push(piece);
    length += piece.length;
    if (length < PART_BYTES) continue;
    yield Buffer.concat(parts);
    [parts, length] = [[], 0];
  }
  if (length > 0) yield Buffer.concat(parts);
}

const otherSide = (status: number): TransferError =>
  new TransferError("ERR_TRANSFER_OTHER_SIDE", "destination-refused", `the destination answered ${status}`);
