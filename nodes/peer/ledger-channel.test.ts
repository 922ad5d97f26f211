/** The connection over which replicas ask the sequencer, as members that are hostile or gone meet it. */
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { record, transaction, uuidOf } from "../../exchange/requests/record.ts";
import { readKeys } from "../config/node-keys.ts";
import { systemEffects } from "../runtime/effects.ts";
import type { RunningNode } from "../runtime/node.ts";
import { rotateKeys } from "../runtime/rotate-key.ts";
import { createTestnet, type Testnet } from "../testnet/testnet.ts";
import { createPeerClient, type ObservedMessage, type PeerClient } from "./client.ts";
import { openFrames } from "./frames.ts";
import { openLedgerChannel } from "./ledger-channel.ts";
import { CHANNEL_PATH, CHANNEL_PROTOCOL, LEDGER_CALLS, MAX_CALL_BYTES } from "./ledger-messages.ts";
import type { PeerTarget } from "./member-directory.ts";
import { SIGNATURE_HEADER, signPeerRequest } from "./request-signature.ts";
import { createSequencerClient } from "./sequencer-client.ts";

const waits = { timeout: 60_000, interval: 20 };
const seen: ObservedMessage[] = [];

let net: Testnet;
let operator: RunningNode;
let ministry: RunningNode;
/** These two do not run, so that nobody else opens their connections. */
let guest: RunningNode;
let visitor: RunningNode;
let target: PeerTarget;

beforeAll(async () => {
  net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "treasury", kind: "government" },
      { id: "guest", kind: "government", cosigner: false },
      { id: "visitor", kind: "government", cosigner: false },
    ],
    observe: (member, message) => {
      if (member === "ministry" && message.direction === "sent") seen.push(message);
    },
  });
  operator = net.node("operator");
  ministry = net.node("ministry");
  [guest, visitor] = [net.node("guest"), net.node("visitor")];
  await Promise.all([net.stop("guest"), net.stop("visitor")]);
  target = await ministry.services.members.target("operator");
});
afterAll(() => net.close());

const clientOf = (node: RunningNode): PeerClient =>
  createPeerClient({ ...systemEffects, identity: () => node.services.identity, network: net.network });

const signed = (as: RunningNode = ministry) =>
  signPeerRequest(
    as.services.identity,
    { network: net.network, to: "operator", method: "GET", target: CHANNEL_PATH, body: new Uint8Array() },
    systemEffects,
  );

/** The connection, or the code of the refusal. */
function upgrade(headers: Record<string, string>): Promise<Socket | string> {
  return new Promise((resolve, reject) => {
    const url = `${target.endpoint}${CHANNEL_PATH}`;
    const asked = httpsRequest(url, { headers: { connection: "upgrade", ...headers }, rejectUnauthorized: false });
    asked.on("upgrade", (_answer, socket) => resolve(socket));
    asked.on("response", (answer) => {
      let text = "";
      answer.on("data", (part) => {
        text += part;
      });
      answer.on("end", () => resolve(JSON.parse(text).code));
    });
    asked.on("error", reject);
    asked.end();
  });
}

const opened = async (as?: RunningNode): Promise<Socket> => {
  const socket = await upgrade({ upgrade: CHANNEL_PROTOCOL, [SIGNATURE_HEADER]: signed(as) });
  if (typeof socket === "string") throw new Error(socket);
  return socket;
};
const isClosed = (socket: Socket) =>
  new Promise<true>((resolve) => {
    socket.on("close", () => resolve(true));
    socket.on("error", () => undefined);
    socket.resume();
  });
const frameOf = (message: string, bytes = Buffer.byteLength(message)): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes);
  return Buffer.concat([length, Buffer.from(message)]);
};
const QUICK = { id: 2, call: "acknowledged", asked: { size: 1, waitMs: 0 } };
const quick = frameOf(JSON.stringify(QUICK));
/** What comes back to hand-made messages, in order of their ids; less where the connection is closed before. */
async function answersTo(messages: readonly string[]): Promise<readonly { id: number; refused?: { code: string } }[]> {
  // Of a member that does not run: a node whose connection was taken opens a newer one, which would end this one.
  const socket = await opened(visitor);
  const answers: { id: number }[] = [];
  let isOpen = true;
  const frames = openFrames(socket, Buffer.alloc(0), {
    maxBytes: 1 << 24,
    frameMs: 60_000,
    idleMs: 60_000,
    pausesReading: false,
    onMessage: (message) => answers.push(JSON.parse(message.toString())),
    onClose: () => {
      isOpen = false;
    },
  });
  for (const message of messages) frames.send(message);
  await vi.waitFor(() => expect(isOpen && answers.length < messages.length).toBe(false), waits);
  frames.close();
  return answers.sort((a, b) => a.id - b.id);
}

/** A record that a member's own node brings to the ledger. */
const party = ({ services: { network, identity, ledger, now, random } }: RunningNode) => {
  return { network, identity, ledger, now, random };
};
const component = (name: string) => ({
  component: uuidOf({ name }),
  version: "1.0.0",
  type: "tool" as const,
  digest: "A".repeat(43),
  manifestDigest: "A".repeat(43),
  lineage: [],
});

test("a replica follows, cosigns and hands in over one connection, without a request for each", async () => {
  await record(party(ministry), "component.register", component("first"), "first");
  await net.settled();
  const about = seen.filter(({ path }) => path.startsWith("/peer/v1/ledger/"));
  expect(new Set(about.slice(-6).map(({ method }) => method))).toEqual(new Set(["MESSAGE"]));
});

test("it is for members: unsigned, signed by a stranger or for something else is refused", async () => {
  expect(await upgrade({ upgrade: CHANNEL_PROTOCOL })).toBe("ERR_PEER_UNSIGNED");
  const signature = signed();
  expect(await upgrade({ upgrade: "websocket", [SIGNATURE_HEADER]: signature })).toBe("ERR_HTTP_INVALID");
  expect(await upgrade({ upgrade: CHANNEL_PROTOCOL, [SIGNATURE_HEADER]: signature })).toBe("ERR_PEER_REPLAY");
});

test("a refused connection is closed, whoever holds on to it, and nothing else is upgraded", async () => {
  for (const [path, body] of [
    [CHANNEL_PATH, undefined],
    ["/peer/v1/ledger/presence", "{}"],
  ] as const) {
    const method = body === undefined ? "GET" : "POST";
    const about = { network: net.network, to: "operator", method, target: path, body: Buffer.from(body ?? "") };
    const signature = signPeerRequest(ministry.services.identity, about, systemEffects);
    const headers = { connection: "upgrade", upgrade: "websocket", [SIGNATURE_HEADER]: signature };
    const [answer] = (await once(
      httpsRequest(`${target.endpoint}${path}`, { method, headers, rejectUnauthorized: false }).end(body),
      "response",
    )) as [IncomingMessage];
    const closed = isClosed(answer.socket);
    expect(answer.statusCode).toBe(400);
    expect(answer.headers.connection).toBe("close");
    expect(await closed).toBe(true);
  }
});

test("a wrong message is refused by its code and changes nothing", async () => {
  const { height } = await operator.services.ledger.status();
  const foreign = transaction(party(net.node("treasury")), "component.register", component("foreign"), "foreign");
  const forged = { ...foreign, signature: "A".repeat(86) };
  const answers = await answersTo([
    JSON.stringify({ id: 1, call: "batches", asked: { from: 0, limit: 1 } }),
    JSON.stringify({ id: 2, call: "batches", asked: { from: 0, limit: 1, waitMs: 0, more: 1 } }),
    JSON.stringify({ id: 3, call: "consistency", asked: { from: 0, to: 1e9 } }),
    JSON.stringify({ id: 4, call: "cosign", asked: { note: "none", waitMs: 0 } }),
    JSON.stringify({ id: 5, call: "submit", asked: { transactions: [forged] } }),
    JSON.stringify({ id: 6, call: "acknowledged", asked: { size: height, waitMs: 0 } }),
  ]);
  expect(answers.map(({ refused }) => refused?.code)).toEqual([
    "ERR_HTTP_INVALID",
    "ERR_HTTP_INVALID",
    "ERR_LEDGER_REJECTED",
    "ERR_LEDGER_REJECTED",
    undefined,
    undefined,
  ]);
  expect(answers[4]).toMatchObject({ answered: { answers: [{ ok: false, code: "ERR_CONTRACT_SIGNATURE" }] } });
  expect((await operator.services.ledger.status()).height).toBe(height);
});

test.each([
  ["no JSON", frameOf("{")],
  ["no call", frameOf('{"id":1,"call":"halt","asked":{}}')],
  ["a call under an id that is no number", frameOf('{"id":"1","call":"batches","asked":{}}')],
  ["nested too deeply", frameOf(`${"[".repeat(5_000)}${"]".repeat(5_000)}`)],
  ["empty", frameOf("")],
  ["longer than any call, and not sent", frameOf("", MAX_CALL_BYTES + 1)],
  ["longer than any call, and sent", frameOf(JSON.stringify(QUICK).padEnd(MAX_CALL_BYTES + 1))],
  ["more calls than a replica has", Buffer.concat(Array.from({ length: 40 }, (_, id) => poll(id)))],
])("a message that is %s closes the connection", async (_name, bytes) => {
  const socket = await opened();
  const closed = isClosed(socket);
  socket.write(bytes);
  expect(await closed).toBe(true);
});

test("whatever a call asks, it is answered, refused by a code or the end of the connection; nothing fails inside", async () => {
  const { height } = await operator.services.ledger.status();
  const note = fc.oneof(
    fc.string(),
    fc.string().map((text) => `sealane.ledger/testnet\n1\n${text}\n\n\u2014 a b\n`),
  );
  const asked = fc.oneof(
    fc.jsonValue(),
    fc.record({ note, waitMs: fc.constant(0) }),
    fc.record({ checkpoint: note }),
    fc.record({ from: fc.nat(), to: fc.nat() }),
    fc.record({ from: fc.nat(20), limit: fc.nat(3), waitMs: fc.constant(0) }),
    fc.record({ size: fc.maxSafeNat(), waitMs: fc.constant(0) }),
    fc.record({ transactions: fc.array(fc.jsonValue(), { maxLength: 2 }) }),
  );
  const message = fc.record({ call: fc.constantFrom(...Object.keys(LEDGER_CALLS)), asked });
  for (const some of fc.sample(fc.array(message, { minLength: 10, maxLength: 10 }), 60)) {
    const answers = await answersTo(some.map((one, id) => JSON.stringify({ id, ...one })));
    for (const { refused } of answers) expect(refused?.code).not.toBe("ERR_HTTP_INTERNAL");
  }
  expect((await operator.services.ledger.status()).height).toBe(height);
});

function poll(id: number): Buffer {
  return frameOf(JSON.stringify({ id, call: "acknowledged", asked: { size: 1_000_000, waitMs: 60_000 } }));
}

test("messages arrive whole, in whatever pieces they are sent", async () => {
  const socket = await opened(visitor);
  const heard: string[] = [];
  openFrames(socket, Buffer.alloc(0), {
    maxBytes: 1 << 24,
    frameMs: 60_000,
    idleMs: 60_000,
    pausesReading: false,
    onMessage: (message) => heard.push(message.toString()),
    onClose: () => undefined,
  });
  const frame = frameOf(JSON.stringify({ id: 7, call: "batches", asked: { from: 0, limit: 1, waitMs: 0 } }));
  for (const byte of Buffer.concat([frame, frame])) socket.write(Buffer.of(byte));
  await vi.waitFor(() => expect(heard).toHaveLength(2), waits);
  expect(heard[0]).toBe(heard[1]);
  expect(JSON.parse(heard[0]!)).toMatchObject({ id: 7, answered: { batches: [{ from: 0 }] } });
  socket.destroy();
});

test("a member has one, the latest", async () => {
  const treasury = net.node("treasury");
  const first = await opened(treasury);
  const closed = isClosed(first);
  const second = await opened(treasury);
  expect(await closed).toBe(true);
  second.destroy();
});

test("where it cannot be had, the calls are made one by one", async () => {
  const peers = clientOf(ministry);
  const paths: string[] = [];
  const plain = createSequencerClient({
    peers: {
      call: (to, call) => {
        paths.push(call.path);
        return peers.call(to, call);
      },
      connect: async () => {
        throw new Error("nothing on the way passes it");
      },
    },
    sequencer: async () => target,
  });
  expect(await plain.batches({ from: 0, limit: 1, waitMs: 0 })).toHaveLength(1);
  const { height } = await operator.services.ledger.status();
  expect(await plain.acknowledged({ size: height, waitMs: 0 })).toContain("sealane.ledger");
  expect(await plain.consistencyProof({ from: 1, to: height })).not.toHaveLength(0);
  expect(paths).toEqual([
    "/peer/v1/ledger/batches?from=0&limit=1&waitMs=0",
    `/peer/v1/ledger/checkpoints/${height}?waitMs=0`,
    `/peer/v1/ledger/consistency?from=1&to=${height}`,
  ]);
  await peers.close();
});

test("calls that wait end when it breaks off, and the next one opens another", async () => {
  const peers = clientOf(net.node("treasury"));
  const channel = await openLedgerChannel(peers, target, () => undefined);
  const waiting = channel.ask("acknowledged", { size: 1_000_000, waitMs: 60_000 }, 90_000);
  channel.close();
  await expect(waiting).rejects.toMatchObject({ code: "ERR_PEER_UNREACHABLE" });
  const client = createSequencerClient({ peers, sequencer: async () => target });
  expect(await client.batches({ from: 0, limit: 1, waitMs: 0 })).toHaveLength(1);
  (await opened(net.node("treasury"))).destroy();
  await vi.waitFor(async () => expect(await client.batches({ from: 0, limit: 1, waitMs: 0 })).toHaveLength(1), waits);
  await peers.close();
});

test("replicas find a sequencer that was started again", async () => {
  await net.stop("operator");
  operator = await net.start("operator");
  await record(party(ministry), "component.register", component("again"), "again");
  await net.settled();
});

/** A node whose limits are changed while it runs. */
async function limited(limits: Record<string, number>): Promise<void> {
  const file = join(net.dir, "operator", "sealane.json");
  const config = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify({ ...config, limits: { ...config.limits, ...limits } }));
  await operator.reload();
}

test("messages count as the member's calls do; too many of both close it before they are read", async () => {
  const most = operator.services.config().limits.peerRequestsPerMinutePerMember;
  const socket = await opened(guest);
  socket.write(quick);
  await once(socket, "data");
  const closed = isClosed(socket);
  await limited({ peerRequestsPerMinutePerMember: 1 });
  socket.write(quick);
  expect(await closed).toBe(true);
  const signature = signed(guest);
  expect(await upgrade({ upgrade: CHANNEL_PROTOCOL, [SIGNATURE_HEADER]: signature })).toBe("ERR_HTTP_RATE_LIMIT");
  await limited({ peerRequestsPerMinutePerMember: most });
});

test("calls that run are of 32 MiB at most, whichever of a member's connections they came over", async () => {
  const waiting = JSON.stringify({ id: 1, call: "acknowledged", asked: { size: 1_000_000, waitMs: 60_000 } });
  const longest = frameOf(waiting.padEnd(MAX_CALL_BYTES));
  const first = await opened(guest);
  first.write(longest);
  first.write(quick);
  // Answered, so what came before it runs.
  await once(first, "data");
  const second = await opened(guest);
  const closed = isClosed(second);
  const heard: Buffer[] = [];
  second.on("data", (bytes) => heard.push(bytes));
  second.write(longest);
  second.write(quick);
  expect(await closed).toBe(true);
  expect(heard).toEqual([]);
});

test("it ends with the membership, although nothing is said", async () => {
  const silent = await opened(guest);
  const closed = isClosed(silent);
  await record(party(operator), "member.suspend", { member: "guest", reason: "test" }, "suspended");
  expect(await closed).toBe(true);
});

test("it ends with the key that opened it", async () => {
  // Its node does not run, so nobody opens another one in its place.
  const socket = await opened(visitor);
  socket.write(quick);
  await once(socket, "data");
  const closed = isClosed(socket);
  const heard: Buffer[] = [];
  socket.on("data", (bytes) => heard.push(bytes));
  const { tls } = await readKeys(visitor.services.dir, "current", "visitor", undefined);
  const services = { ...visitor.services, ledger: operator.services.ledger };
  await rotateKeys(services, { tls, passphrase: undefined, onNext: () => undefined });
  socket.write(quick);
  expect(await closed).toBe(true);
  expect(heard).toEqual([]);
});
