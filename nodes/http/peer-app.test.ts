import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { Type } from "typebox";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { signingIdentity } from "../../crypto/suites/signed.ts";
import { parseConfig } from "../config/node-config.ts";
import { createTlsIdentity } from "../config/tls-certificate.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { SIGNATURE_HEADER, signPeerRequest } from "../peer/request-signature.ts";
import { systemEffects } from "../runtime/effects.ts";
import { createMetrics } from "../runtime/metrics.ts";
import { type AccessLog, openAccessLog } from "../store/access-log.ts";
import type { HttpApp } from "./http-app.ts";
import { createPeerApp } from "./peer-app.ts";

const alpha = signingIdentity("alpha", "intl", randomBytes(32));
const beta = signingIdentity("beta", "intl", randomBytes(32));
let dir: string;
let accessLog: AccessLog;
let app: HttpApp;
let lookUps = 0;
let release: (() => void)[] = [];

async function build(limits: Record<string, number>): Promise<void> {
  const member = { id: "operator", kind: "industry", title: { en: "O" }, organisation: "o", holdingGroup: "o" };
  const config = parseConfig({ member, limits });
  const tls = await createTlsIdentity({
    member: "operator",
    endpoint: undefined,
    now: systemEffects.now(),
    serial: systemEffects.random(15),
  });
  const members = {
    isReplaced: async () => false,
    publicKey: async (id: string) => {
      lookUps += 1;
      return [alpha, beta].find((identity) => identity.member === id)?.publicKey;
    },
  };
  const deps = {
    ...{ logger: pino({ level: "silent" }), config: () => config, network: "n", member: "operator", members, tls },
    ...{
      now: systemEffects.now,
      ahead: memoryRecords(),
      accessLog,
      assertWritable: () => undefined,
      metrics: createMetrics(),
    },
  };
  ({ app } = await createPeerApp(deps, (routes) => {
    routes.get("/asked", async () => ({ done: true }));
    routes.get("/waiting", { config: { accessLog: false } }, async () => {
      await new Promise<void>((resolve) => release.push(resolve));
      return { done: true };
    });
    routes.post("/posted", { schema: { body: Type.Unknown() } }, async () => {
      await new Promise<void>((resolve) => release.push(resolve));
      return { done: true };
    });
    routes.post(
      "/open",
      { schema: { body: Type.Object({ token: Type.String() }) }, bodyLimit: 100, config: { public: true } },
      async () => ({ done: true }),
    );
  }));
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "peer-app-"));
  accessLog = await openAccessLog(dir, systemEffects.now);
  lookUps = 0;
  release = [];
});
afterEach(async () => {
  for (const finish of release) finish();
  await app.close();
  await accessLog.close();
  await rm(dir, { recursive: true, force: true });
});

async function ask(url: string, identity?: typeof alpha, payload?: string, method: "GET" | "POST" = "GET") {
  const request = { network: "n", to: "operator", method, target: url, body: Buffer.from(payload ?? "") };
  const signature = identity && signPeerRequest(identity, request, systemEffects);
  const headers = {
    ...(signature === undefined ? {} : { [SIGNATURE_HEADER]: signature }),
    ...(payload === undefined ? {} : { "content-type": "application/json" }),
  };
  const answer = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
  return { status: answer.statusCode, code: answer.json().code as string | undefined };
}

describe("a stranger on the peer interface", () => {
  test("is stopped by its address before any signature is looked at", async () => {
    await build({ peerRequestsPerMinutePerAddress: 2 });
    const stranger = signingIdentity("alpha", "intl", randomBytes(32));
    for (let round = 0; round < 2; round++) expect(await ask("/asked", stranger)).toMatchObject({ status: 401 });
    const before = lookUps;
    for (const url of ["/asked", "/no-such-route"])
      expect(await ask(url, stranger)).toEqual({ status: 429, code: "ERR_HTTP_RATE_LIMIT" });
    expect(lookUps).toBe(before);
  });

  test("cannot make an open route take in more than that route needs", async () => {
    await build({});
    const body = JSON.stringify({ token: "x".repeat(100) });
    expect(await ask("/open", undefined, body, "POST")).toMatchObject({ status: 413, code: "ERR_HTTP_TOO_LARGE" });
  });

  test("cannot fill the access log through an open route", async () => {
    await build({});
    for (const body of ["{", "{}", "[]"]) expect((await ask("/open", undefined, body, "POST")).status).toBe(400);
    expect(accessLog.size()).toBe(0);
    expect((await ask("/open", undefined, '{"token":"x"}', "POST")).status).toBe(200);
    expect(accessLog.size()).toBe(1);
  });
});

describe("one member on the peer interface", () => {
  test("has its rate, which no other member's is counted against", async () => {
    await build({ peerRequestsPerMinutePerMember: 2 });
    const statuses = [];
    for (let round = 0; round < 4; round++) statuses.push((await ask("/asked", alpha)).status);
    expect(statuses).toEqual([200, 200, 429, 429]);
    expect((await ask("/asked", beta)).status).toBe(200);
  });

  test("gets its share back from a call that hung up once its work ends, not before", async () => {
    await build({ peerCallsAtOncePerMember: 1 });
    await app.listen({ host: "127.0.0.1", port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const request = { network: "n", to: "operator", method: "GET", target: "/waiting", body: Buffer.from("") };
    const headers = { [SIGNATURE_HEADER]: signPeerRequest(alpha, request, systemEffects) };
    const call = httpsRequest({ host: "127.0.0.1", port, path: "/waiting", headers, rejectUnauthorized: false });
    call.on("error", () => undefined);
    call.end();
    await expect.poll(() => release.length).toBe(1);
    expect((await ask("/asked", alpha)).status).toBe(429);
    const closed = new Promise((resolve) => call.once("close", resolve));
    call.destroy();
    await closed;
    expect((await ask("/asked", alpha)).status).toBe(429);
    for (const finish of release) finish();
    await expect.poll(async () => (await ask("/asked", alpha)).status).toBe(200);
  });

  test("gets its share back from a body that was never sent to its end", async () => {
    await build({ peerCallsAtOncePerMember: 1 });
    await app.listen({ host: "127.0.0.1", port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const request = { network: "n", to: "operator", method: "POST", target: "/posted", body: Buffer.from("{}") };
    const signature = signPeerRequest(alpha, request, systemEffects);
    const headers = { [SIGNATURE_HEADER]: signature, "content-type": "application/json", "content-length": 2 };
    const call = httpsRequest({
      ...{ host: "127.0.0.1", port, method: "POST", path: "/posted", headers },
      rejectUnauthorized: false,
    });
    call.on("error", () => undefined);
    call.write("{");
    await expect.poll(async () => (await ask("/asked", alpha)).status).toBe(429);
    call.destroy();
    await expect.poll(async () => (await ask("/asked", alpha)).status).toBe(200);
  });

  test("cannot hide the size of a body from what limits it", async () => {
    await build({});
    await app.listen({ host: "127.0.0.1", port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const request = { network: "n", to: "operator", method: "POST", target: "/posted", body: Buffer.from("{}") };
    const signature = signPeerRequest(alpha, request, systemEffects);
    const headers = { [SIGNATURE_HEADER]: signature, "content-type": "application/json" };
    const status = await new Promise((resolve, reject) => {
      const call = httpsRequest({
        ...{ host: "127.0.0.1", port, method: "POST", path: "/posted", headers },
        rejectUnauthorized: false,
      });
      call.on("response", (answer) => resolve(answer.statusCode)).on("error", reject);
      call.write("{");
      call.end("}");
    });
    expect(status).toBe(400);
    expect(release).toEqual([]);
  });

  test("cannot make this node hold more than its share of bytes", async () => {
    await build({ peerBodyBytes: 100 });
    const body = JSON.stringify("x".repeat(90));
    const held = [1, 2, 3, 4].map(() => ask("/posted", alpha, body, "POST"));
    await expect.poll(() => release.length).toBe(4);
    expect(await ask("/posted", alpha, body, "POST")).toEqual({ status: 429, code: "ERR_HTTP_RATE_LIMIT" });
    expect((await ask("/asked", alpha)).status).toBe(200);
    for (const finish of release) finish();
    await Promise.all(held);
    expect((await ask("/asked", alpha)).status).toBe(200);
  });

  test("cannot hold more calls open at once than its share", async () => {
    await build({ peerCallsAtOncePerMember: 3 });
    const held = [1, 2, 3].map(() => ask("/waiting", alpha));
    await expect.poll(() => release.length).toBe(3);
    expect(await ask("/asked", alpha)).toEqual({ status: 429, code: "ERR_HTTP_RATE_LIMIT" });
    expect((await ask("/asked", beta)).status).toBe(200);
    for (const finish of release) finish();
    await Promise.all(held);
    expect((await ask("/asked", alpha)).status).toBe(200);
  });
});
