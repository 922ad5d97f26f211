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
  /** From where that ends which the other side has, where it is of this version. */
  readonly open: (held: { readonly bytes: number; readonly digest: string } | undefined) => Promise<Delivery>;
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
  const digest = asked.headers["sealane-digest"];
  const delivery = await open(held === undefined || typeof digest !== "string" ? undefined : { bytes: held, digest });
  try {
    if (held === undefined) await putWhole(delivery);
    else await sendParts(delivery);
  } finally {
    await delivery.close();
  }

  async function putWhole({ pieces, snapshot }: Delivery): Promise<void> {
    const headers = { "content-type": "text/csv; charset=utf-8", "content-length": String(snapshot.bytes) };
    const { statusCode } = await call("PUT", headers, Readable.from(pieces(), { objectMode: false }));
    if (statusCode >= 300) throw otherSide(statusCode);
  }

  async function sendParts({ from, pieces, snapshot, notTaken }: Delivery): Promise<void> {
    let at = from;
    for await (const part of gathered(pieces())) {
      const about = {
        "content-type": "application/octet-stream",
        "content-length": String(part.length),
        "upload-offset": String(at),
        "sealane-digest": snapshot.digest,
        "sealane-bytes": String(snapshot.bytes),
      };
      const answer = await call("PATCH", about, part).catch((error: unknown) => ({ error }));
      // One part for each try, and tries are further and further apart: it ends by the time that passes, not by a count.
      if ("error" in answer || answer.statusCode >= 300) await notTaken(part.length);
      if ("error" in answer) throw answer.error;
      const { statusCode, headers } = answer;
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
