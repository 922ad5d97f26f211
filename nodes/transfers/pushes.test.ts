/** Sending to a plain HTTPS server that knows nothing of this project. */
import { randomBytes } from "node:crypto";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "undici";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Cause } from "../../exchange/protocol/vocabulary.ts";
import { dataAddressOf } from "../../exchange/transfers/data-address.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { createTlsIdentity } from "../config/tls-certificate.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import type { KeptAgreement } from "./agreements.ts";
import { createDeliveries } from "./deliveries.ts";
import { createPushes, PUSH_GIVE_UP_MS, type PushRecord } from "./pushes.ts";
import { TransferError } from "./transfer-error.ts";
import { createUsage } from "./usage.ts";

const BYTES = 2_000_000;
const RECORDS = randomBytes(BYTES);
type Handler = (request: IncomingMessage, response: ServerResponse) => void;
let handle: Handler = () => undefined;
let server: Server;
let agent: Agent;
let folder: string;

beforeAll(async () => {
  const { privateKey: key, certificate: cert } = await createTlsIdentity({
    member: "plain",
    endpoint: undefined,
    now: new Date().toISOString(),
    serial: randomBytes(16),
  });
  server = createServer({ key, cert }, (request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  agent = new Agent({ connect: { ca: cert } });
  folder = await mkdtemp(join(tmpdir(), "sealane-pushes-"));
  await writeFile(join(folder, "records"), RECORDS);
});
afterAll(async () => {
  await agent.destroy();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

/** A provider's side up to the network, which is real; what lies on disk outlives `start`. */
const records = memoryRecords<PushRecord>();
const usage = createUsage({
  counters: memoryRecords(),
  deliveries: memoryRecords(),
  now: () => "2026-11-22T09:00:00Z",
});
let time = Date.parse("2026-11-22T09:00:00Z");
let running: ReturnType<typeof createPushes> | undefined;
/** Who has suspended what is sent. */
const stopped: { by: "provider" | "consumer" | undefined } = { by: undefined };
/** Tries after which there is another one. */
let failures = 0;
afterEach(() => running?.stop());

function start(
  pid: string,
  {
    endpoint,
    agreement = "a",
    uses,
    unreadable,
    unreadableTries = Number.POSITIVE_INFINITY,
    consumer = "beta",
    callsPerMinute = 1_000,
    bytes = BYTES,
    eager = false,
  }: {
    endpoint?: string;
    agreement?: string;
    uses?: number;
    unreadable?: Error;
    /** So often: then the table can be read. */
    unreadableTries?: number;
    consumer?: string;
    callsPerMinute?: number;
    bytes?: number;
    /** Tries again without a pause. */
    eager?: boolean;
  } = {},
) {
  let tries = 0;
  const { port } = server.address() as AddressInfo;
  const release = { elements: [], formats: [], uses, rows: 10, bytes, callsPerMinute };
  const address = {
    endpoint: endpoint ?? `https://localhost:${port}/drop/${pid}`,
    token: "secret",
    expires: undefined,
    refresh: undefined,
  };
  const [format, destination, agreementId] = ["HttpData-PUSH", dataAddressOf(address), `urn:uuid:${agreement}`];
  const document = { state: "STARTED", format, destination, agreementId } as Transfer;
  const { promise, resolve } = Promise.withResolvers<Cause | "pushed">();
  running = createPushes({
    records,
    pushed: memoryRecords(),
    running: async () => (stopped.by === undefined ? { peer: consumer, document } : undefined),
    isHeld: async () => stopped.by === "provider",
    fresh: async (_peer, _pid, given) => given,
    outbound: { to: async () => agent },
    deliver: createDeliveries({
      agreement: async () => ({ peer: consumer, agreement: { "@id": agreementId } }) as unknown as KeptAgreement,
      transfer: async () => ({ peer: consumer, document }),
      isHeld: async () => false,
      permission: async () => ({ ok: true, asset: { id: "alpha:panel" }, fields: [], release }) as never,
      snapshots: {
        of: async () => {
          if (unreadable !== undefined && tries++ < unreadableTries) throw unreadable;
          return { file: await open(join(folder, "records"), "r"), digest: "A".repeat(43), bytes, rows: 1 };
        },
      },
      usage,
      newId: () => "unused",
      now: () => new Date(time).toISOString(),
      onSent: async () => undefined,
    }),
    now: () => new Date(time).toISOString(),
    onPushed: () => resolve("pushed"),
    end: async (_pid, cause) => resolve(cause),
    onError: () => {
      failures += 1;
    },
    ...(eager ? { pauses: { firstMs: 0, longestMs: 0 } } : {}),
  });
  running.poke(pid);
  return promise;
}
async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

test("gets everything with one PUT, under the consumer's own token", async () => {
  const got: { method?: string | undefined; authorization?: string | undefined; body?: Buffer } = {};
  handle = async (request, response) => {
    if (request.method === "HEAD") return void response.writeHead(405).end();
    got.method = `${request.method} ${request.url}`;
    got.authorization = request.headers.authorization;
    got.body = await bodyOf(request);
    response.writeHead(201).end();
  };
  expect(await start("plain")).toBe("pushed");
  expect(got).toMatchObject({ method: "PUT /drop/plain", authorization: "Bearer secret" });
  expect(got.body?.equals(RECORDS)).toBe(true);
});

test("is no use of another agreement's because it has the same id", async () => {
  handle = async (request, response) => {
    await bodyOf(request);
    response.writeHead(request.method === "HEAD" ? 404 : 204).end();
  };
  const used = await usage.used("alpha:panel");
  expect(await start("again", { agreement: "one", uses: used + 1 })).toBe("pushed");
  expect(await start("again", { agreement: "two", uses: used + 1 })).toMatchObject({ code: "uses-exhausted" });
});

test("is not tried with a table that cannot be read as it was registered", async () => {
  handle = (_request, response) => void response.writeHead(404).end();
  const unreadable = new TransferError("ERR_TRANSFER_STATE", "records-not-readable");
  expect(await start("unreadable", { unreadable })).toMatchObject({ code: "records-not-readable" });
});

test.each([
  ["a table that cannot be read for now", new TransferError("ERR_TRANSFER_LATER", "records-not-readable-now")],
  ["a mistake on the provider's side", new TypeError("undefined is not a function")],
])("gets everything after %s, which is said until then", async (_name, unreadable) => {
  handle = async (request, response) => {
    await bodyOf(request);
    response.writeHead(request.method === "HEAD" ? 404 : 204).end();
  };
  const pid = `later-${unreadable.name}`;
  const sent = start(pid, { unreadable, unreadableTries: 2 });
  const failed = async () => (await records.get(pid))?.failed?.code;
  await expect.poll(failed).toBe("records-not-readable-now");
  expect(await sent).toBe("pushed");
  expect(await records.get(pid)).toBeUndefined();
});

test("is told after a day that it was the table, where it was", async () => {
  handle = (_request, response) => void response.writeHead(404).end();
  const unreadable = new TransferError("ERR_TRANSFER_LATER", "records-not-readable-now");
  await records.put("day", { since: new Date(time - PUSH_GIVE_UP_MS - 1).toISOString() });
  expect(await start("day", { unreadable })).toMatchObject({ code: "records-not-readable" });
});

test.each([["policy-replaced"], ["member-not-active"]])(
  "is told after a day what it was refused with: %s",
  async (reason) => {
    handle = (_request, response) => void response.writeHead(404).end();
    await records.put(reason, { since: new Date(time - PUSH_GIVE_UP_MS - 1).toISOString() });
    const unreadable = new TransferError("ERR_TRANSFER_REFUSED", reason);
    expect(await start(reason, { unreadable })).toMatchObject({ code: reason });
  },
);

test.each([
  ["consumer", PUSH_GIVE_UP_MS / 2],
  ["provider", 0],
] as const)("that takes nothing, and whose %s suspends it meanwhile, has its day", async (by, spent) => {
  const pid = `paused-by-${by}`;
  const from = time;
  const nobody = "https://localhost:9/";
  void start(pid, { endpoint: nobody });
  await expect.poll(async () => (await records.get(pid))?.failed).toBeDefined();
  await running?.stop();
  time += PUSH_GIVE_UP_MS / 2;
  stopped.by = by;
  void start(pid, { endpoint: nobody });
  const seen = async () => (await records.get(pid))?.pausedAt ?? (by === "provider" ? await records.get(pid) : "open");
  await expect.poll(seen).toBe(by === "provider" ? undefined : new Date(time).toISOString());
  await running?.stop();
  time += 3 * PUSH_GIVE_UP_MS;
  stopped.by = undefined;
  failures = 0;
  void start(pid, { endpoint: nobody });
  await expect.poll(() => failures).toBeGreaterThan(0);
  expect(await records.get(pid)).toMatchObject({ since: new Date(time - spent).toISOString() });
  expect(time - from).toBeGreaterThan(PUSH_GIVE_UP_MS);
});

test("is sent nothing while it says that it is away, and everything when it is back", async () => {
  let puts = 0;
  let asked = 0;
  handle = async (request, response) => {
    if (request.method === "HEAD") return void response.writeHead(asked++ === 0 ? 503 : 404).end();
    puts += (await bodyOf(request)).length;
    response.writeHead(204).end();
  };
  expect(await start("away")).toBe("pushed");
  expect([asked, puts]).toEqual([2, BYTES]);
});

test("that cuts in the middle of a PUT gets the whole again", async () => {
  let puts = 0;
  handle = async (request, response) => {
    if (request.method === "HEAD") return void response.writeHead(404).end();
    puts += 1;
    if (puts === 1) return void request.once("data", () => request.socket.destroy());
    const body = await bodyOf(request);
    response.writeHead(body.equals(RECORDS) ? 204 : 400).end();
  };
  expect(await start("cutting")).toBe("pushed");
  expect(puts).toBe(2);
});

test("that takes everything and denies it gets it four times, and then the transfer ends with its cause", async () => {
  let bytes = 0;
  handle = async (request, response) => {
    bytes += (await bodyOf(request)).length;
    response.writeHead(request.method === "HEAD" ? 404 : 500).end();
  };
  expect(await start("greedy", { eager: true })).toMatchObject({ code: "repeated-too-much" });
  expect(bytes).toBe(4 * BYTES);
}, 60_000);

test("in parts goes on where the other side says that its file ends", async () => {
  const cut = 700_000;
  let held = RECORDS.subarray(0, cut);
  handle = async (request, response) => {
    const headers = () => ({ "upload-offset": held.length, "sealane-digest": "A".repeat(43) });
    if (request.method === "HEAD") return void response.writeHead(204, headers()).end();
    const body = await bodyOf(request);
    const isNext = request.method === "PATCH" && Number(request.headers["upload-offset"]) === held.length;
    if (isNext) held = Buffer.concat([held, body]);
    response.writeHead(isNext ? 204 : 409, headers()).end();
  };
  expect(await start("parts")).toBe("pushed");
  expect(held.equals(RECORDS)).toBe(true);
});

test("in parts that are refused for a while, more often than the whole may be sent, is not given up", async () => {
  let refused = 0;
  let held = 0;
  handle = async (request, response) => {
    const headers = () => ({ "upload-offset": held, "sealane-digest": "A".repeat(43) });
    if (request.method === "HEAD") return void response.writeHead(204, headers()).end();
    const { length } = await bodyOf(request);
    if (refused < 20) {
      if (++refused % 2 === 0) return void request.socket.destroy();
      return void response.writeHead(503, headers()).end();
    }
    held += length;
    response.writeHead(204, headers()).end();
  };
  expect(await start("refusing", { bytes: 1_000, eager: true })).toBe("pushed");
  expect([refused, held]).toEqual([20, 1_000]);
});

test("that refuses parts pays for each with a call of its consumer's rate", async () => {
  let patches = 0;
  handle = async (request, response) => {
    await bodyOf(request);
    if (request.method === "PATCH") patches += 1;
    response.writeHead(request.method === "HEAD" ? 204 : 503, { "upload-offset": 0 }).end();
  };
  failures = 0;
  void start("paying", { callsPerMinute: 4, consumer: "epsilon", eager: true });
  await expect.poll(() => failures).toBeGreaterThan(5);
  expect(patches).toBe(2);
});

test("in parts is asked for once what it has, and costs one call of the consumer's rate", async () => {
  let held = 700_000;
  handle = async (request, response) => {
    const headers = () => ({ "upload-offset": held, "sealane-digest": "A".repeat(43) });
    if (request.method === "HEAD") return void response.writeHead(204, headers()).end();
    held += (await bodyOf(request)).length;
    response.writeHead(204, headers()).end();
  };
  expect(await start("once", { callsPerMinute: 1, consumer: "gamma" })).toBe("pushed");
  expect(held).toBe(BYTES);
  // It has everything: nothing is sent, and nothing is needed for it.
  expect(await start("once", { consumer: "delta" })).toBe("pushed");
  expect(held).toBe(BYTES);
});

test("that answers nobody is tried for a day, over restarts, and then the transfer ends with its cause", async () => {
  const nobody = "https://localhost:9/";
  void start("silent", { endpoint: nobody });
  const failed = { code: "destination-not-reached", detail: "ECONNREFUSED" };
  await expect.poll(() => records.get("silent")).toEqual({ since: new Date(time).toISOString(), failed });
  await running?.stop();
  time += PUSH_GIVE_UP_MS;
  failures = 0;
  void start("silent", { endpoint: nobody });
  await expect.poll(() => failures).toBeGreaterThan(0);
  await running?.stop();
  time += 1;
  expect(await start("silent", { endpoint: nobody })).toMatchObject({
    code: "destination-unreachable",
    reason: ["ECONNREFUSED"],
  });
});
