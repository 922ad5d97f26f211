/**
 * A lying member's peer interface: HTTPS under its endpoint and its real TLS key, with its node behind. What no rule
 * changes passes byte for byte, signatures included, so everything else about the member stays honest.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request as httpsRequest } from "node:https";
import { readKeys } from "../config/node-keys.ts";
import type { TlsIdentity } from "../config/tls-certificate.ts";
import { SIGNATURE_HEADER } from "../peer/request-signature.ts";
import type { OpenFront } from "../testnet/testnet.ts";

export interface Call {
  /** Who signed it, unverified. */
  readonly from: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly body: Buffer;
}
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** Breaks the connection after half of the body. */
  readonly isCut?: boolean;
}
/** Answers in the member's place; `next` asks its node. */
export type Rule = (call: Call, next: () => Promise<Answer>) => Promise<Answer>;

export interface Front {
  readonly open: OpenFront;
  /** The rule added last is asked first. Returns what takes it away again. */
  lie(rule: Rule): () => void;
  /** Shows another TLS key than the ledger's, or the member's own again. */
  wear(identity: TlsIdentity | "own"): void;
  /** Calls whose request has come in whole. */
  calls(): number;
}

export const answerOf = (value: unknown, status = 200): Answer => ({
  status,
  body: Buffer.from(JSON.stringify(value)),
});
export const contentOf = <T>({ body }: { readonly body: Buffer }): T => JSON.parse(body.toString("utf8")) as T;

export function createFront(): Front {
  const rules: Rule[] = [];
  let calls = 0;
  let wear: Front["wear"] = () => undefined;

  const open: OpenFront = async ({ member, dir, place }) => {
    const { tls } = await readKeys(dir, "current", member, undefined);
    const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxCachedSessions: 0 });

    async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
      // Whoever may not send messages over one connection makes calls, which rules see one by one.
      if (incoming.headers.upgrade !== undefined) return void outgoing.writeHead(426).end();
      const body = await bytesOf(incoming);
      calls += 1;
      const { method = "GET", url: path = "/", headers } = incoming;
      const call = { from: signerOf(headers[SIGNATURE_HEADER]), method, path, body };
      const hangup = new AbortController();
      outgoing.once("close", () => hangup.abort());
      const forward = async (): Promise<Answer> => {
        const { host, port } = place;
        const passed = httpsRequest({ host, port, path, method, headers, agent, signal: hangup.signal });
        passed.end(body);
        const [reply] = (await once(passed, "response")) as [IncomingMessage];
        return { status: reply.statusCode ?? 502, body: await bytesOf(reply) };
      };
      const chain = rules.reduceRight<() => Promise<Answer>>((next, rule) => () => rule(call, next), forward);
      const { status, body: bytes, isCut } = await chain();
      outgoing.writeHead(status, { "content-type": "application/json", "content-length": bytes.length });
      if (isCut === true) outgoing.write(bytes.subarray(0, bytes.length >> 1), () => outgoing.destroy());
      else outgoing.end(bytes);
    }

    const server = createServer({ key: tls.privateKey, cert: tls.certificate, minVersion: "TLSv1.3" });
    server.on("request", (incoming, outgoing) => {
      answer(incoming, outgoing).catch(() => outgoing.destroy());
    });
    wear = (identity) => {
      const { privateKey, certificate } = identity === "own" ? tls : identity;
      server.setSecureContext({ key: privateKey, cert: certificate, minVersion: "TLSv1.3" });
      server.closeAllConnections();
    };
    server.listen(place.endpointPort, place.host);
    await once(server, "listening");
    return {
      async close() {
        agent.destroy();
        server.closeAllConnections();
        server.close();
      },
    };
  };

  return Object.freeze({
    open,
    lie(rule: Rule) {
      rules.unshift(rule);
      return () => void rules.splice(rules.indexOf(rule), 1);
    },
    wear: (identity: TlsIdentity | "own") => wear(identity),
    calls: () => calls,
  });
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

function signerOf(signature: unknown): string {
  if (typeof signature !== "string") return "";
  const claims: unknown = JSON.parse(Buffer.from(signature.split(".")[1] ?? "", "base64url").toString("utf8"));
  return (claims as { from: string }).from;
}
