import pino from "pino";
import { expect, test } from "vitest";
import { createHttpApp } from "../../http-app.ts";
import { showHealth } from "./show.ts";

test("a part of the node that does not hear of the ledger is said, once, however many parts there are", async () => {
  const limits = { maxBodyBytes: () => 1_000, requestTimeoutMs: 1_000 };
  const app = createHttpApp({ logger: pino({ level: "silent" }), ...limits });
  const troubles: "ledger-not-followed"[] = [];
  showHealth(app, {
    member: "alpha",
    accessLog: { stopped: () => false, size: () => 0 } as never,
    ledger: { status: async () => ({ reachable: true }), get: async () => undefined } as never,
    readOnly: () => false,
    troubles: () => troubles,
  });
  const health = async () => (await app.inject("/health")).json() as unknown;
  expect(await health()).toEqual({ status: "ok", reasons: [] });
  troubles.push("ledger-not-followed", "ledger-not-followed");
  expect(await health()).toEqual({ status: "degraded", reasons: ["ledger-not-followed"] });
  await app.close();
});

test("a record that has waited in the outbox for longer than a minute is said", async () => {
  const app = createHttpApp({ logger: pino({ level: "silent" }), maxBodyBytes: () => 1_000, requestTimeoutMs: 1_000 });
  let since = Date.now();
  const waiting = () => ({ waiting: { since: new Date(since).toISOString() } });
  showHealth(app, {
    member: "alpha",
    accessLog: { stopped: () => false, size: () => 0 } as never,
    ledger: { status: async () => ({ reachable: true, ...waiting() }), get: async () => undefined } as never,
    readOnly: () => false,
    troubles: () => [],
  });
  const health = async () => (await app.inject("/health")).json() as unknown;
  expect(await health()).toMatchObject({ status: "ok" });
  since -= 61_000;
  expect(await health()).toEqual({ status: "degraded", reasons: ["outbox-waiting"] });
  await app.close();
});
