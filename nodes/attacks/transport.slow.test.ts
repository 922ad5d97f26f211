/**
 * What stands between two members: another TLS key, answers and requests that break off, come again or have no end, and
 * senders that take their time. Each for the ledger's calls one by one, and for the connection that replicas ask it over.
 */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { record, transaction, uuidOf } from "../../exchange/requests/record.ts";
import type { SequencerApi } from "../../ledger/embedded/sequencer-api.ts";
import { createTlsIdentity } from "../config/tls-certificate.ts";
import { createPeerClient, type PeerClient } from "../peer/client.ts";
import { CHANNEL_PATH, CHANNEL_PROTOCOL, LEDGER_CALLS, MAX_CALL_BYTES } from "../peer/ledger-messages.ts";
import { SIGNATURE_HEADER, signPeerRequest } from "../peer/request-signature.ts";
import { createSequencerClient } from "../peer/sequencer-client.ts";
import { systemEffects } from "../runtime/effects.ts";
import type { RunningNode } from "../runtime/node.ts";
import { createTestnet, type Testnet } from "../testnet/testnet.ts";
import { createFront, TRANSPORTS } from "./_front.ts";

const TIMEOUT_MS = 5_000;
const SLOW_SENDERS = 20;
/** Bytes of a message that come so slowly that it is not whole within the limit of this test. */
const MISSING = 400;
const waits = { timeout: 60_000, interval: 50 };

describe.each(TRANSPORTS)("over %s", (transport) => {
  const front = createFront(transport);
  let net: Testnet;
  /** These two do not run, so nobody else opens their connections. */
  let guest: RunningNode;
  let sender: RunningNode;
  let peers: PeerClient;
  /** The guest, through the front. */
  let asking: SequencerApi;

  beforeAll(async () => {
    net = await createTestnet({
      members: [
        { id: "operator", kind: "industry" },
        { id: "ministry", kind: "government" },
        { id: "guest", kind: "government", cosigner: false },
        { id: "sender", kind: "government", cosigner: false },
      ],
      config: { limits: { requestTimeoutMs: TIMEOUT_MS } },
      fronts: { operator: front.open },
    });
    [guest, sender] = [net.node("guest"), net.node("sender")];
    await Promise.all([net.stop("guest"), net.stop("sender")]);
    const { members } = net.node("ministry").services;
    peers = createPeerClient({ ...systemEffects, identity: () => guest.services.identity, network: net.network });
    asking = createSequencerClient({ peers, sequencer: () => members.target("operator") });
  });
  afterAll(async () => {
    await peers.close();
    await net.close();
  });

  const asks = () => asking.consistencyProof({ from: 1, to: 1 });
  const height = async () => (await net.node("operator").services.ledger.status()).height;
  const component = (name: string) => ({
    component: uuidOf({ name }),
    version: "1.0.0",
    type: "tool" as const,
    digest: "A".repeat(43),
    manifestDigest: "A".repeat(43),
    lineage: [],
  });
  const partyOf = ({ services: { network, identity, ledger, now, random } }: RunningNode) => {
    return { network, identity, ledger, now, random };
  };

  /** Whatever the sender sends on a connection of its own to hand in one record. */
  function handingIn(name: string): Buffer {
    const body = { transactions: [transaction(partyOf(sender), "component.register", component(name), name)] };
    if (transport === "calls") {
      const bytes = Buffer.from(JSON.stringify(body));
      return Buffer.concat([headOf("POST", LEDGER_CALLS.submit.path, bytes), bytes]);
    }
    const message = Buffer.from(JSON.stringify({ id: 1, call: "submit", asked: body }));
    return Buffer.concat([headOf("GET", CHANNEL_PATH, Buffer.alloc(0)), lengthOf(message.length), message]);
  }
  function lengthOf(bytes: number): Buffer {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes);
    return length;
  }
  function headOf(method: string, target: string, body: Buffer, length = body.length): Buffer {
    const request = { network: net.network, to: "operator", method, target, body };
    const lines = [
      `${method} ${target} HTTP/1.1`,
      "host: operator",
      `${SIGNATURE_HEADER}: ${signPeerRequest(sender.services.identity, request, systemEffects)}`,
      ...(method === "GET"
        ? ["connection: upgrade", `upgrade: ${CHANNEL_PROTOCOL}`]
        : ["content-type: application/json", `content-length: ${length}`]),
    ];
    return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
  }

  /** Straight to the operator's node; what comes back, and whether it was ended there. */
  async function said(...parts: readonly Buffer[]) {
    const { hostname, port } = new URL(net.node("operator").address.peer!);
    const socket: TLSSocket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
    const heard = { text: "", isOver: false };
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      heard.text += bytes.toString("latin1");
    });
    socket.once("close", () => {
      heard.isOver = true;
    });
    await once(socket, "secureConnect");
    for (const part of parts) socket.write(part);
    return { heard, socket };
  }
  async function answered(bytes: Buffer, pattern: RegExp): Promise<void> {
    const { heard, socket } = await said(bytes);
    await vi.waitFor(() => expect(heard.text).toMatch(pattern), waits);
    socket.destroy();
  }

  test("P-who-speaks: another TLS key under the endpoint gets not one request", async () => {
    await expect(asks()).resolves.toEqual([]);
    const own = { member: "operator", endpoint: undefined, now: systemEffects.now(), serial: systemEffects.random(15) };
    front.wear(await createTlsIdentity(own));
    const before = front.calls();
    // The first one may find what was open just closing.
    const refused = { cause: { code: "ERR_PEER_TLS_IDENTITY" } };
    await vi.waitFor(async () => expect(await asks().catch((error) => error)).toMatchObject(refused), waits);
    expect(front.calls()).toBe(before);
    front.wear("own");
    await expect(asks()).resolves.toEqual([]);
  });

  test("P-hostile-bytes: an answer that breaks off is no answer, and is asked for again", async () => {
    const cuts: Record<string, number> = { guest: 0, ministry: 0 };
    const stop = front.lie(async (call, next) => {
      const answer = await next();
      if (cuts[call.from] === undefined || cuts[call.from] === 2) return answer;
      cuts[call.from]! += 1;
      return { ...answer, breaks: "off" };
    });
    for (const _ of [1, 2]) await expect(asks()).rejects.toMatchObject({ cause: { code: "ERR_PEER_UNREACHABLE" } });
    await expect(asks()).resolves.toEqual([]);
    // The quorum is the ministry: its replica asks again by itself, or this would never be acknowledged.
    await record(partyOf(net.node("operator")), "component.register", component("cut"), "cut");
    expect(cuts).toEqual({ guest: 2, ministry: 2 });
    stop();
  });

  test("P-hostile-bytes: an answer without an end is not read to its end", async () => {
    const stop = front.lie(async (call, next) => {
      const answer = await next();
      return call.from === "guest" ? { ...answer, breaks: "never" } : answer;
    });
    const code = transport === "calls" ? "ERR_PEER_TOO_LARGE" : "ERR_PEER_UNREACHABLE";
    await expect(asks()).rejects.toMatchObject({ cause: { code } });
    stop();
    await expect(asks()).resolves.toEqual([]);
  });

  test("P-hostile-bytes: a request that breaks off, or ends in other bytes than were signed, leaves nothing behind", async () => {
    await net.settled();
    const before = await height();
    const bytes = handingIn("broken");
    const { socket } = await said(bytes.subarray(0, -100));
    await asks();
    socket.destroy();
    const digest = "A".repeat(43);
    const at = bytes.lastIndexOf(digest);
    const altered = handingIn("altered");
    altered.write("B", altered.lastIndexOf(digest));
    expect(at).toBeGreaterThan(0);
    await answered(altered, /ERR_(PEER|CONTRACT)_SIGNATURE/);
    expect(await height()).toBe(before);
  });

  test("P-who-speaks: what was said once is refused when it is said again", async () => {
    const bytes = handingIn("repeated");
    await answered(bytes, /"ok":true/);
    const before = await height();
    await answered(bytes, /^HTTP\/1\.1 401[\s\S]*ERR_PEER_REPLAY/);
    expect(await height()).toBe(before);
  });

  test("P-hostile-bytes: more than any call has is not read, whatever was announced", async () => {
    const before = await height();
    const tooMuch = MAX_CALL_BYTES + 1;
    // It would be answered, were it read.
    const call = JSON.stringify({ id: 1, call: "acknowledged", asked: { size: 1, waitMs: 0 } }).padEnd(tooMuch);
    const { heard } =
      transport === "calls"
        ? await said(headOf("POST", LEDGER_CALLS.submit.path, Buffer.alloc(0), tooMuch))
        : await said(headOf("GET", CHANNEL_PATH, Buffer.alloc(0)), lengthOf(tooMuch), Buffer.from(call));
    await vi.waitFor(() => expect(heard.isOver || /^HTTP\/1\.1 413/.test(heard.text)).toBe(true), waits);
    expect(heard.text).not.toContain("answered");
    expect(await height()).toBe(before);
    await expect(asks()).resolves.toEqual([]);
  });

  test("P-hostile-bytes: slow senders of header or body are cut off while others are served", async () => {
    const before = await height();
    const senders = await Promise.all(
      Array.from({ length: SLOW_SENDERS }, async (_, index) => {
        // Half of them never finish their header; the other half are a member and never finish what they hand in.
        const bytes = handingIn(`slow ${index}`);
        const { heard, socket } = await said(bytes.subarray(0, index % 2 === 0 ? 50 : -MISSING));
        const trickle = setInterval(() => socket.write("x"), 500);
        socket.once("close", () => clearInterval(trickle));
        return heard;
      }),
    );
    await expect(asks()).resolves.toEqual([]);
    await record(partyOf(net.node("ministry")), "component.register", component("meanwhile"), "meanwhile");
    await vi.waitFor(() => expect(senders.every(({ isOver }) => isOver)).toBe(true), waits);
    await expect(asks()).resolves.toEqual([]);
    expect(await height()).toBe(before + 1);
  });
});
