/**
 * A lying member's peer interface: HTTPS under its endpoint and its real TLS key, with its node behind. What no rule
 * changes passes byte for byte, signatures included, so everything else about the member stays honest. Calls about the
 * ledger come over one connection of each replica (_channel.ts) or one by one; rules see the same calls either way.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { readKeys } from "../config/node-keys.ts";
import type { TlsIdentity } from "../config/tls-certificate.ts";
import { CHANNEL_PATH } from "../peer/ledger-messages.ts";
import { SIGNATURE_HEADER } from "../peer/request-signature.ts";
import type { OpenFront } from "../testnet/testnet.ts";
import type { Answer, Call } from "./_calls.ts";
import { passMessages } from "./_channel.ts";
import { pour } from "./_pour.ts";

/** How a front lets replicas ask about the ledger; nothing falls back to the other way. */
export const TRANSPORTS = ["channel", "calls"] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Answers in the member's place; `next` asks its node. */
export type Rule = (call: Call, next: () => Promise<Answer>) => Promise<Answer>;

export interface Front {
  readonly open: OpenFront;
  /** The rule added last is asked first. Returns what takes it away again. */
  lie(rule: Rule): () => void;
  /** Shows another TLS key than the ledger's, or the member's own again; either way everybody has to connect again. */
  wear(identity: TlsIdentity | "own"): void;
  /** Calls and messages that have come in whole. */
  calls(): number;
}

const LEDGER = "/peer/v1/ledger/";

export function createFront(transport: Transport = "channel"): Front {
  const rules: Rule[] = [];
  let calls = 0;
  let wear: Front["wear"] = () => undefined;

  function judged(call: Call, forward: () => Promise<Answer>): Promise<Answer> {
    calls += 1;
    return rules.reduceRight<() => Promise<Answer>>((next, rule) => () => rule(call, next), forward)();
  }

  const open: OpenFront = async ({ member, dir, place }) => {
    const { tls } = await readKeys(dir, "current", member, undefined);
    const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxCachedSessions: 0 });
    const upgraded = new Set<Socket>();
    const toNode = ({ method = "GET", url = "/", headers }: IncomingMessage, signal?: AbortSignal) =>
      httpsRequest({ host: place.host, port: place.port, path: url, method, headers, agent, signal });

    async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
      const { method = "GET", url: path = "/" } = incoming;
      if (transport === "channel" && path.startsWith(LEDGER)) return void outgoing.destroy();
      const body = await bytesOf(incoming);
      const hangup = new AbortController();
      outgoing.once("close", () => hangup.abort());
      const forward = async (): Promise<Answer> => {
        const passed = toNode(incoming, hangup.signal);
        passed.end(body);
        const [reply] = (await once(passed, "response")) as [IncomingMessage];
        return { status: reply.statusCode ?? 502, body: await bytesOf(reply) };
      };
      const { status, body: bytes, breaks } = await judged({ from: signerIn(incoming), method, path, body }, forward);
      const type = { "content-type": "application/json" };
      outgoing.writeHead(status, breaks === "never" ? type : { ...type, "content-length": bytes.length });
      if (breaks === "never") pour(outgoing);
      else if (breaks === "off") outgoing.write(bytes.subarray(0, bytes.length >> 1), () => outgoing.destroy());
      else outgoing.end(bytes);
    }

    /** The node judges the request that opens it; a refusal ends it. */
    function upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
      socket.on("error", () => socket.destroy());
      if (transport === "calls" || incoming.url !== CHANNEL_PATH) return void socket.destroy();
      upgraded.add(socket);
      socket.once("close", () => upgraded.delete(socket));
      const passed = toNode(incoming);
      passed.on("error", () => socket.destroy());
      passed.on("response", () => socket.destroy());
      passed.on("upgrade", ({ headers }, node: Socket, nodeHead: Buffer) => {
        const lines = ["connection: upgrade", `upgrade: ${headers.upgrade}`];
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
        passMessages({ replica: { socket, head }, node: { socket: node, head: nodeHead } }, (call, forward) =>
          judged({ from: signerIn(incoming), ...call }, forward),
        );
      });
      passed.end();
    }

    const server = createServer({ key: tls.privateKey, cert: tls.certificate, minVersion: "TLSv1.3" });
    server.on("request", (incoming, outgoing) => {
      answer(incoming, outgoing).catch(() => outgoing.destroy());
    });
    server.on("upgrade", upgrade);
    const endAll = () => {
      server.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
    };
    wear = (identity) => {
      const { privateKey, certificate } = identity === "own" ? tls : identity;
      server.setSecureContext({ key: privateKey, cert: certificate, minVersion: "TLSv1.3" });
      endAll();
    };
    server.listen(place.endpointPort, place.host);
    await once(server, "listening");
    return {
      async close() {
        agent.destroy();
        endAll();
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

function signerIn({ headers }: IncomingMessage): string {
  const token = headers[SIGNATURE_HEADER] ?? headers.authorization;
  if (typeof token !== "string") return "";
  const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
  const { from, iss } = claims as { readonly from?: string; readonly iss?: string };
  return from ?? iss ?? "";
}
