import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ObservedMessage } from "../peer/client.ts";
import { openSentLog, readSentLog } from "./sent-log.ts";
import { createSentRules } from "./sent-rules.ts";

const COMPUTATION = "00000000-0000-8000-8000-000000000001";
const unmask = (phase: 1 | 2, shares: object[]): ObservedMessage => ({
  direction: "sent",
  peer: "hub",
  method: "POST",
  path: `/peer/v1/computations/${COMPUTATION}/messages`,
  body: Buffer.from(JSON.stringify({ type: `unmask-${phase}`, unmask: { statement: { body: { shares } } } })),
});
const share = (dealer: string, kind: string, bytes = "AAAA") => ({ dealer, kind, share: bytes, hashes: [] });

async function judged(...messages: ObservedMessage[]): Promise<string[]> {
  const dir = await mkdtemp(join(tmpdir(), "sent-log-"));
  const path = join(dir, "alpha.ndjson");
  const log = openSentLog(path);
  for (const message of messages) log(message);
  const { messages: sent, next } = readSentLog(path, 0);
  expect(readSentLog(path, next).messages).toEqual([]);
  await rm(dir, { recursive: true });
  return createSentRules().take("alpha", sent);
}

test("the same answer again, and the other kind in the other phase, is allowed", async () => {
  const one = unmask(1, [share("beta", "self"), share("gamma", "pair")]);
  expect(await judged(one, one, unmask(2, [share("beta", "pair")]))).toEqual([]);
});

test("a share of both kinds of one dealer is found", async () => {
  const problems = await judged(unmask(2, [share("beta", "self")]), unmask(2, [share("beta", "pair")]));
  expect(problems.join()).toMatch(/answered the share of beta twice/);
});

test("a chunk that is sent again is the same one", async () => {
  const chunk = (byte: number): ObservedMessage => ({
    direction: "sent",
    peer: "hub",
    method: "PUT",
    path: `/peer/v1/computations/${COMPUTATION}/contributions/2/alpha/1`,
    body: Buffer.alloc(8, byte),
  });
  expect(await judged(chunk(1), chunk(1))).toEqual([]);
  expect(await judged(chunk(1), chunk(2))).toHaveLength(1);
});

test("a share with other bytes, and any message with other bytes, is found", async () => {
  const problems = await judged(unmask(1, [share("beta", "self")]), unmask(1, [share("beta", "self", "AAAB")]));
  expect(problems).toHaveLength(2);
});
