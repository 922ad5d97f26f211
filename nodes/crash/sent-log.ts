/**
 * Every protocol message a member sends, and answers to encrypted queries as they come, in a file of the test's own beside its node: written before the message
 * leaves, so that a kill hides none. Read by the runner, which keeps what the promises are about.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { digestOf } from "../../crypto/suites/digest.ts";
import { computationInPath } from "../computations/gauges.ts";
import type { ObservedMessage } from "../peer/client.ts";
import type { QueryCall, QueryReply } from "../queries/messages.ts";

export interface SentMessage {
  readonly computation: string;
  readonly type: string;
  /** SHA-256 of the whole body. */
  readonly digest: string;
  /** What an unmask message opens. */
  readonly shares?: readonly { readonly dealer: string; readonly kind: string; readonly share: string }[];
}

const QUERIES = /^\/peer\/v1\/requests\/[^/]+\/queries$/;
const CHUNK = /\/contributions\/(\d)\/[^/]+\/(\d+)$/;

export function openSentLog(path: string): (message: ObservedMessage) => void {
  const file = openSync(path, "a");
  const write = (sent: SentMessage): void => void writeSync(file, `${JSON.stringify(sent)}\n`);
  return ({ direction, method, path: target, body }) => {
    if (method === "POST" && QUERIES.test(target)) return void queryIn(direction, body).forEach(write);
    const computation = computationInPath(target);
    if (direction !== "sent" || computation === undefined) return;
    const digest = createHash("sha256").update(body).digest("base64url");
    const [, phase, index] = method === "PUT" ? (CHUNK.exec(target) ?? []) : [];
    if (index !== undefined) return write({ computation, type: `chunk-${phase}-${index}`, digest });
    if (!target.split("?")[0]!.endsWith("/messages")) return;
    const message = JSON.parse(Buffer.from(body).toString("utf8")) as {
      type: string;
      unmask?: { statement: { body: { shares: NonNullable<SentMessage["shares"]> } } };
    };
    const shares = message.unmask?.statement.body.shares.map(({ dealer, kind, share }) => ({ dealer, kind, share }));
    write({ computation, type: message.type, digest, ...(shares === undefined ? {} : { shares }) });
  };
}

/** What goes either way of an encrypted query, by its agreement. A refusal is none. */
function queryIn(direction: ObservedMessage["direction"], body: Uint8Array): SentMessage[] {
  const said = JSON.parse(Buffer.from(body).toString("utf8")) as Partial<QueryCall & QueryReply>;
  const [type, signed] = direction === "sent" ? ["query", said.query] : ["answer", said.answer];
  if (signed === undefined) return [];
  const { agreement, number } = signed.statement;
  return [{ computation: agreement, type: `${type}-${number}`, digest: digestOf(signed) }];
}

/** What has been added to the file since `from`, and where it ends now. A line cut off by a kill stays for later. */
export function readSentLog(path: string, from: number): { readonly messages: SentMessage[]; readonly next: number } {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return { messages: [], next: from };
  }
  try {
    const parts: Buffer[] = [];
    for (let at = from; ; ) {
      const buffer = Buffer.alloc(1 << 16);
      const read = readSync(file, buffer, 0, buffer.length, at);
      if (read === 0) break;
      parts.push(buffer.subarray(0, read));
      at += read;
    }
    const text = Buffer.concat(parts).toString("utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const lines = whole.split("\n").slice(0, -1);
    return {
      messages: lines.map((line) => JSON.parse(line) as SentMessage),
      next: from + Buffer.byteLength(whole),
    };
  } finally {
    closeSync(file);
  }
}
