import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keys } from "../../chaincode/rules/keys.ts";
import { signingIdentity, signStatement } from "../../crypto/suites/signed.ts";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import { computationIdOf } from "../../exchange/computations/opening.ts";
import { systemEffects } from "../runtime/effects.ts";
import { INFLIGHT_FOLDER, openInflight } from "../store/inflight.ts";
import type { Context } from "./context.ts";
import { receiverKeyFor } from "./receiver-role.ts";
import { createSharedWork } from "./shared-work.ts";

const REQUEST = "1b36f79e-40cf-88ce-8c28-7bc08bd120e2";

async function receiverNode() {
  const dir = await mkdtemp(join(tmpdir(), "receiver-key-"));
  await mkdir(join(dir, INFLIGHT_FOLDER));
  const identity = signingIdentity("bureau", "intl", new Uint8Array(32).fill(1));
  const onLedger = { request: REQUEST, requester: "ministry", receiver: "bureau" };
  const state = new Map<string, unknown>([[keys.request(REQUEST), onLedger]]);
  const network: { suite: SuiteId } = { suite: "intl" };
  const ctx = {
    services: {
      inflight: openInflight(dir),
      ledger: { get: async (key: string) => state.get(key) },
      member: "bureau",
      random: systemEffects.random,
    },
    facts: { suite: async () => network.suite },
    shared: createSharedWork(),
    sign: (domain: Parameters<typeof signStatement>[1], statement: unknown) =>
      signStatement(identity, domain, statement),
  } as unknown as Context;
  const about = { computation: computationIdOf(REQUEST, 0), request: REQUEST };
  const ask = () => receiverKeyFor(ctx, "ministry", about);
  return { ctx, state, network, about, ask, [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
}

test("a requester that repeats its call before the first is answered gets the same key twice", async () => {
  await using node = await receiverNode();
  const { ctx, state, about, ask } = node;
  const [first, second] = await Promise.all([ask(), ask()]);
  expect(second).toEqual(first);
  expect(await ask()).toEqual(first);
  await expect(receiverKeyFor(ctx, "mallory", about)).rejects.toMatchObject({ code: "ERR_COMPUTATION_FORBIDDEN" });
  state.set(keys.computation(about.computation), { state: "released" });
  expect(await ask()).toEqual(first);
  await ctx.services.inflight.erase(`${about.computation}-key`);
  await expect(ask()).rejects.toMatchObject({ code: "ERR_COMPUTATION_OVER" });
  expect(await ctx.services.inflight.names()).toEqual([]);
  const later = { ...about, request: "0c78811c-4082-8595-b104-0518b47aa60b" };
  await expect(receiverKeyFor(ctx, "ministry", later)).rejects.toMatchObject({ code: "ERR_REQUEST_UNKNOWN" });
});

test("a key of the suite that the network left is replaced until the computation is opened, and never after", async () => {
  await using node = await receiverNode();
  const { state, network, about, ask } = node;
  const lengthOf = (key: Awaited<ReturnType<typeof ask>>) =>
    Buffer.from(key.key.statement.publicKey, "base64url").length;
  const first = await ask();
  expect(lengthOf(first)).toBe(32);
  network.suite = "gm";
  const [moved, again] = await Promise.all([ask(), ask()]);
  expect(lengthOf(moved)).toBe(66);
  expect(again).toEqual(moved);
  network.suite = "intl";
  state.set(keys.computation(about.computation), { state: "opened" });
  expect(await ask()).toEqual(moved);
});
