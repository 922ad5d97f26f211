import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
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
import { eraseReceiverKeys, forgetHomomorphicKey, openedReceiverKey, receiverKeyFor } from "./receiver-keys.ts";
import { createSharedWork } from "./shared-work.ts";

const SET = "bfv-4096-104-75";
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
  const ask = (parameters?: string) => receiverKeyFor(ctx, "ministry", { ...about, parameters });
  type Answer = Awaited<ReturnType<typeof ask>>;
  const bodyOf = ({ key }: Answer, more: object) => ({ ...about, receiverKey: key, ...more }) as never;
  const open = (answer: Answer, more = {}) =>
    state.set(keys.computationOpened(about.computation), { body: bodyOf(answer, more) });
  return {
    dir,
    ctx,
    state,
    network,
    about,
    ask,
    open,
    bodyOf,
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true }),
  };
}

test("a requester that repeats its call before the first is answered gets the same key twice", async () => {
  await using node = await receiverNode();
  const { ctx, about, ask, open } = node;
  const [first, second] = await Promise.all([ask(), ask()]);
  expect(second).toEqual(first);
  expect(await ask()).toEqual(first);
  await expect(receiverKeyFor(ctx, "mallory", about)).rejects.toMatchObject({ code: "ERR_COMPUTATION_FORBIDDEN" });
  open(first);
  expect(await ask()).toEqual(first);
  await eraseReceiverKeys(ctx.services.inflight, about.computation);
  await expect(ask()).rejects.toMatchObject({ code: "ERR_COMPUTATION_OVER" });
  expect(await ctx.services.inflight.names()).toEqual([]);
  const later = { ...about, request: "0c78811c-4082-8595-b104-0518b47aa60b" };
  await expect(receiverKeyFor(ctx, "ministry", later)).rejects.toMatchObject({ code: "ERR_REQUEST_UNKNOWN" });
});

test("a key of the suite that the network left is replaced until the computation is opened, and none is overwritten", async () => {
  await using node = await receiverNode();
  const { network, ask, open } = node;
  const lengthOf = (key: Awaited<ReturnType<typeof ask>>) =>
    Buffer.from(key.key.statement.publicKey, "base64url").length;
  const first = await ask();
  expect(lengthOf(first)).toBe(32);
  network.suite = "gm";
  const [moved, again] = await Promise.all([ask(), ask()]);
  expect(lengthOf(moved)).toBe(66);
  expect(again).toEqual(moved);
  network.suite = "intl";
  expect(await ask()).toEqual(first);
  open(moved, { suite: "gm" });
  expect(await ask()).toEqual(moved);
});

test("asking for other parameters leaves the key of an opening that is on its way", async () => {
  await using node = await receiverNode();
  const { ctx, ask, open, bodyOf } = node;
  const { inflight } = ctx.services;
  const [plain, sealed] = await Promise.all([ask(), ask(SET)]);
  expect(plain.homomorphicKey).toBeUndefined();
  expect(await ask(SET)).toEqual(sealed);
  const opened = bodyOf(plain, {});
  expect((await openedReceiverKey(inflight, opened))?.signed).toEqual(plain.key);
  // The other one, under the parameters of this one.
  expect(await openedReceiverKey(inflight, bodyOf(sealed, {}))).toBeUndefined();
  open(plain);
  expect(await ask(SET)).toEqual(plain);
});

test("P-envelope: of a homomorphic key that has decrypted its sum the secret half is in no file, and the rest stays", async () => {
  await using node = await receiverNode();
  const { ctx, dir, ask, bodyOf } = node;
  const { inflight } = ctx.services;
  const answer = await ask(SET);
  const opened = bodyOf(answer, { envelope: { method: "bfv", parameters: SET } });
  const { privateKey, homomorphic } = (await openedReceiverKey(inflight, opened))!;
  const secret = homomorphic!.secretKey!;
  const onDisk = async () => {
    const folder = join(dir, INFLIGHT_FOLDER);
    const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")));
    return texts.join();
  };
  expect(await onDisk()).toContain(secret);
  await forgetHomomorphicKey(inflight, opened);
  expect(await onDisk()).not.toContain(secret);
  expect(await onDisk()).toContain(privateKey);
  expect(await ask(SET)).toEqual(answer);
  await eraseReceiverKeys(inflight, node.about.computation);
  expect(await onDisk()).toBe("");
});
