import { randomUUID } from "node:crypto";
import { Type } from "typebox";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestnet, type Testnet } from "../testnet/testnet.ts";
import { endingPeers } from "./ending-peers.ts";

let net: Testnet;
beforeAll(async () => {
  net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
    ],
  });
});
afterAll(() => net.close());

/** The operator waits for the role of a computation that never starts, longer than this test may take. */
const waiting = (signal?: AbortSignal) => ({
  method: "GET" as const,
  path: `/peer/v1/computations/${randomUUID()}/mailbox?epoch=none&after=0&waitMs=20000`,
  response: Type.Unknown(),
  timeoutMs: 60_000,
  ...(signal === undefined ? {} : { signal }),
});

test("calls that a peer does not answer end with the feature that made them, or as their caller wants, and none begins after that", async () => {
  const { peers, members } = net.node("ministry").services;
  const target = await members.target("operator");
  const [closing, own] = [new AbortController(), new AbortController()];
  const ending = endingPeers(peers, closing.signal);
  const [first, second] = [ending.call(target, waiting()), ending.call(target, waiting(own.signal))];
  const ends = Promise.allSettled([first, second]);
  own.abort();
  await expect(second).rejects.toThrow(/aborted/);
  closing.abort();
  await expect(first).rejects.toThrow(/aborted/);
  expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await expect(ending.call(target, waiting())).rejects.toThrow(/aborted/);
}, 10_000);
