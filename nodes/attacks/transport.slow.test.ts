/** What stands between two members: another TLS key, cut-off answers and requests, senders that take their time. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { Type } from "typebox";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTlsIdentity } from "../config/tls-certificate.ts";
import { SIGNATURE_HEADER, signPeerRequest } from "../peer/request-signature.ts";
import { systemEffects } from "../runtime/effects.ts";
import { createTestnet, type Testnet } from "../testnet/testnet.ts";
import { createFront } from "./_front.ts";

const TIMEOUT_MS = 5_000;
const SLOW_SENDERS = 20;
const PATH = "/peer/v1/ledger/presence";

const front = createFront();
let net: Testnet;
beforeAll(async () => {
  net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
    ],
    config: { limits: { requestTimeoutMs: TIMEOUT_MS } },
    fronts: { operator: front.open },
  });
});
afterAll(() => net.close());

const asks = async (over: object = {}) => {
  const { services } = net.node("ministry");
  const call = { method: "GET" as const, path: "/peer/v1/ledger/consistency?from=1&to=1", response: Type.Unknown() };
  return await services.peers.call(await services.members.target("operator"), { ...call, attempts: 1, ...over });
};
/** Straight to the operator's node. */
async function socket(): Promise<TLSSocket> {
  const { hostname, port } = new URL(net.node("operator").address.peer!);
  const opened = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
  opened.on("error", () => undefined);
  await once(opened, "secureConnect");
  return opened;
}
const logSize = () => net.node("operator").services.accessLog.size();
/** A request of the ministry's own for this body, up to and with its header. */
async function headOf(body: Buffer): Promise<string> {
  const request = { network: net.network, to: "operator", method: "POST", target: PATH, body };
  const signature = await signPeerRequest(net.node("ministry").services.identity, request, systemEffects);
  const lines = [
    `${SIGNATURE_HEADER}: ${signature}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
  ];
  return `POST ${PATH} HTTP/1.1\r\nhost: operator\r\n${lines.join("\r\n")}\r\n\r\n`;
}

test("P-who-speaks: another TLS key under the endpoint gets not one request", async () => {
  const own = { member: "operator", endpoint: undefined, now: systemEffects.now(), serial: systemEffects.random(15) };
  front.wear(await createTlsIdentity(own));
  const before = front.calls();
  await expect(asks()).rejects.toMatchObject({ code: "ERR_PEER_TLS_IDENTITY" });
  expect(front.calls()).toBe(before);
  front.wear("own");
  await expect(asks()).resolves.toEqual({ proof: [] });
});

test("P-hostile-bytes: an answer that breaks off is no answer, and is asked for again", async () => {
  let cuts = 0;
  const stop = front.lie(async (call, next) => {
    const answer = await next();
    if (!call.path.startsWith("/peer/v1/ledger/consistency") || cuts === 2) return answer;
    cuts += 1;
    return { ...answer, isCut: true };
  });
  await expect(asks()).rejects.toMatchObject({ code: "ERR_PEER_UNREACHABLE" });
  await expect(asks({ attempts: 3 })).resolves.toEqual({ proof: [] });
  expect(cuts).toBe(2);
  stop();
});

test("P-hostile-bytes: a request that breaks off, or ends in other bytes than were signed, leaves nothing behind", async () => {
  await net.settled();
  const body = Buffer.from(JSON.stringify({ checkpoint: "x".repeat(1_000) }));
  const before = logSize();
  const broken = await socket();
  broken.write((await headOf(body)) + body.subarray(0, 500).toString());
  await sleep(50);
  broken.destroy();
  const other = await socket();
  other.write((await headOf(body)) + body.toString().replace("xx", "xy"));
  const [answer] = (await once(other, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 401[\s\S]*ERR_PEER_SIGNATURE/);
  other.destroy();
  expect(logSize()).toBe(before);
  await expect(asks()).resolves.toEqual({ proof: [] });
});

test("P-hostile-bytes: slow senders of header or body are cut off while others are served", async () => {
  const body = Buffer.from(JSON.stringify({ checkpoint: "x".repeat(1_000) }));
  const senders = await Promise.all(
    Array.from({ length: SLOW_SENDERS }, async (_, index) => {
      const slow = await socket();
      const closed = new Promise((resolve) => slow.once("close", resolve));
      // Half of them never finish their header; the other half are members and never finish a signed body.
      slow.write(index % 2 === 0 ? `POST ${PATH} HTTP/1.1\r\nhost: operator\r\nx-slow: ` : await headOf(body));
      const dripping = setInterval(() => slow.write("x"), 100);
      slow.resume();
      return { closed: closed.finally(() => clearInterval(dripping)) };
    }),
  );
  await expect(asks({ attempts: 5 })).resolves.toEqual({ proof: [] });
  await Promise.all(senders.map(({ closed }) => closed));
  await expect(asks({ attempts: 5 })).resolves.toEqual({ proof: [] });
});
