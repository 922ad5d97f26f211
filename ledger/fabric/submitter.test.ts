import { setImmediate as immediate } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { anchor, founding, NETWORK, testMember } from "../conformance/fixture.ts";
import { memoryStore } from "../embedded/_memory-store.ts";
import type { SignedTransaction } from "../port.ts";
import type { GatewayConnection } from "./gateway.ts";
import { createSubmitter } from "./submitter.ts";
import { openView, type View } from "./view.ts";

const NOW = Date.parse("2026-11-22T12:00:00.000Z");
const founder = testMember("operator", { kind: "industry" });
const REFUSED = { ok: false, code: "ERR_CONTRACT_RANGE" } as const;
const LIMITS = { absolute: 100_000, preferred: 40_000 };

let view: View;
beforeEach(async () => {
  view = await openView(memoryStore(), NETWORK, { channel: "sealane", chaincode: "sealane", code: "code" });
});

/** A peer that answers the calls, one after the other, with these lists; the last for every later one. */
function submitting(...answers: readonly (readonly object[])[]) {
  let calls = 0;
  const connection = {
    endpoint: "localhost:7051",
    endorse: async () => ({
      transactionId: "transaction",
      size: 1_000,
      payload: Buffer.from(JSON.stringify(answers[Math.min(calls++, answers.length - 1)])),
    }),
  } as unknown as GatewayConnection;
  const { submit } = createSubmitter({
    view,
    connected: async () => connection,
    call: { member: founder.id, code: "code" },
    limits: () => LIMITS,
    now: () => NOW,
    signal: new AbortController().signal,
    agreed: async () => undefined,
    settleMs: 1,
  });
  let isOrdered = false;
  const onOrdered = () => {
    isOrdered = true;
  };
  return async (...transactions: readonly SignedTransaction[]) => {
    const given = await submit(transactions, onOrdered);
    return { answers: given, calls, isOrdered };
  };
}

test("a refusal counts when it is repeated and the node's own replica refuses the record too, in its own words", async () => {
  const { answers, calls } = await submitting([REFUSED])(anchor(founder, 0));
  expect(answers).toEqual([expect.objectContaining({ ok: false, code: expect.stringMatching(/^ERR_CONTRACT_/) })]);
  expect(answers[0]).not.toEqual(REFUSED);
  expect(calls).toBe(2);
});

test("a peer that refuses a good record does not get it out of the outbox", async () => {
  await expect(submitting([REFUSED])(founding(founder))).rejects.toMatchObject({
    code: "ERR_LEDGER_NO_QUORUM",
    message: expect.stringContaining("own replica takes"),
  });
});

test("of two records that are said to be refused, only the one that the replica refuses is answered", async () => {
  const submit = submitting([REFUSED, REFUSED], [REFUSED, REFUSED], [REFUSED]);
  await expect(submit(founding(founder), anchor(founder, 9))).rejects.toMatchObject({ code: "ERR_LEDGER_NO_QUORUM" });
});

/** A peer that says of every record that it repeats one; `fails` is what it throws at these many texts instead. */
function calling(
  fails: (texts: readonly string[]) => object | undefined,
  { size = 1_000, limits = LIMITS, now = () => NOW } = {},
) {
  const calls: number[] = [];
  const connection = {
    endpoint: "localhost:7051",
    async endorse([, ...texts]: readonly string[]) {
      calls.push(texts.length);
      const failure = fails(texts);
      if (failure !== undefined) throw failure;
      const payload = Buffer.from(JSON.stringify(texts.map(() => ({ ok: true, repeats: true }))));
      return { transactionId: "transaction", payload, size };
    },
  } as unknown as GatewayConnection;
  const { submit } = createSubmitter({
    view,
    connected: async () => connection,
    call: { member: founder.id, code: "code" },
    limits: () => limits,
    now,
    signal: new AbortController().signal,
    agreed: async () => undefined,
    settleMs: 1,
  });
  return { calls, submit };
}

async function holding(...transactions: readonly SignedTransaction[]): Promise<void> {
  const time = new Date(NOW).toISOString();
  const ordered = transactions.map((transaction) => ({ time, transaction }));
  await view.chain.stage(await view.chain.prepare(ordered, ({ ok }) => ok), "{}", { sync: false });
  await view.chain.commit("{}");
}

test("a call carries no more bytes of UTF-8 than the channel prefers, whatever the number of characters", async () => {
  const wide = founding(testMember("operator", { kind: "industry", title: { en: "一".repeat(150) } }));
  await holding(wide);
  const bytes = Buffer.byteLength(canonicalJson(wide));
  expect(12 * canonicalJson(wide).length).toBeLessThan(10 * bytes);
  const { calls, submit } = calling(() => undefined, { limits: { absolute: 1e6, preferred: 2 * 10 * bytes } });
  await submit(Array<SignedTransaction>(12).fill(wide));
  expect(calls).toEqual([10, 2]);
});

test.each([
  ["a call that is too large for the ordering service or too slow", "4 DEADLINE_EXCEEDED: Deadline exceeded"],
  ["a call that is larger than a peer takes", "8 RESOURCE_EXHAUSTED: grpc: received message larger than max (9 vs. 8)"],
])("%s is halved until it goes, and grows again", async (_what, message) => {
  const known = Array.from({ length: 7 }, (_, at) => anchor(founder, at));
  await holding(founding(founder), ...known);
  const { calls, submit } = calling((texts) => (texts.length > 2 ? { message, details: [] } : undefined));
  expect(await submit(known)).toHaveLength(7);
  expect(calls.slice(0, 3)).toEqual([7, 4, 2]);
  expect(calls.reduce((sum, count) => sum + (count > 2 ? 0 : count), 0)).toBe(7);
});

test("one record that makes too large a call is rejected by its measure, and by no Gateway's word", async () => {
  await holding(founding(founder), anchor(founder, 0));
  const large = calling(() => undefined, { size: LIMITS.absolute + 1 });
  expect(await large.submit([anchor(founder, 0)])).toEqual([
    expect.objectContaining({ ok: false, code: "ERR_CONTRACT_TOO_LARGE" }),
  ]);
  const said = calling(() => ({ message: "8 RESOURCE_EXHAUSTED: received message larger than max", details: [] }));
  await expect(said.submit([anchor(founder, 0)])).rejects.toMatchObject({ code: "ERR_LEDGER_UNREACHABLE" });
});

const failing = { message: "2 UNKNOWN: chaincode stream terminated", details: [] };

test("a record that fails again and again is set aside once one behind it goes through, and is tried again later", async () => {
  const [first, second, third] = [anchor(founder, 0), anchor(founder, 1), anchor(founder, 2)];
  await holding(founding(founder), first, second, third);
  let bad = true;
  let time = NOW;
  const { submit, calls } = calling((texts) => (bad && texts.includes(canonicalJson(second)) ? failing : undefined), {
    now: () => time,
  });
  const all = [second, first, third];
  await expect(submit(all)).rejects.toMatchObject({ code: "ERR_LEDGER_UNREACHABLE" });
  await expect(submit(all)).rejects.toMatchObject({ code: "ERR_LEDGER_UNREACHABLE" });
  const postponed = { postponed: expect.objectContaining({ code: "ERR_LEDGER_UNREACHABLE" }) };
  expect(await submit(all)).toEqual([postponed, expect.objectContaining({ ok: true }), postponed]);
  expect(await submit([second, third])).toEqual([postponed, expect.objectContaining({ ok: true })]);
  expect(calls).toEqual([3, 3, 3, 1, 1, 1, 1]);
  bad = false;
  time += 60_001;
  expect(await submit([second])).toEqual([expect.objectContaining({ ok: true })]);
});

test("where no record goes through none is set aside: it is the network", async () => {
  const all = [anchor(founder, 0), anchor(founder, 1)];
  await holding(founding(founder), ...all);
  let bad = true;
  const { submit } = calling(() => (bad ? failing : undefined));
  for (let tried = 0; tried < 5; tried += 1) {
    await expect(submit(all)).rejects.toMatchObject({ code: "ERR_LEDGER_UNREACHABLE" });
  }
  bad = false;
  expect(await submit(all)).toEqual([expect.objectContaining({ ok: true }), expect.objectContaining({ ok: true })]);
});

/** What becomes of one transaction whose ends are these, one after the other. */
function ending(...ends: readonly ("lost" | "unanswered" | { readonly code: number; readonly name: string })[]) {
  const told: string[] = [];
  const seen = { endorsed: 0, submitted: [] as string[] };
  let next = 0;
  const lost = { message: "14 UNAVAILABLE: connection dropped", details: [] };
  const connection = {
    endpoint: "localhost:7051",
    async endorse([, ...texts]: readonly string[]) {
      seen.endorsed += 1;
      const transactionId = `transaction-${seen.endorsed}`;
      return {
        transactionId,
        size: 1_000,
        payload: Buffer.from(JSON.stringify(texts.map(() => ({ ok: true })))),
        async submit() {
          seen.submitted.push(transactionId);
          if (ends[next] !== "lost") return;
          next += 1;
          throw lost;
        },
        async status() {
          const end = ends[next++];
          if (end === undefined || typeof end === "string") throw lost;
          return { ...end, block: -1 };
        },
      };
    },
  } as unknown as GatewayConnection;
  const { submit } = createSubmitter({
    view,
    connected: async () => connection,
    call: { member: founder.id, code: "code" },
    limits: () => LIMITS,
    now: () => NOW,
    signal: new AbortController().signal,
    agreed: async (block) => void told.push(`block ${block}`),
    settleMs: 1,
  });
  return { seen, told, submit: () => submit([anchor(founder, 0)], () => told.push("ordered")) };
}
const VALID = { code: 0, name: "VALID" };

test("what may have been ordered is handed in again as the same transaction until its id has an end", async () => {
  await holding(founding(founder), anchor(founder, 0));
  const { seen, submit } = ending("lost", "unanswered", VALID);
  expect(await submit()).toEqual([expect.objectContaining({ ok: true })]);
  expect(seen).toEqual({ endorsed: 1, submitted: ["transaction-1", "transaction-1", "transaction-1"] });
});

test("what follows may be endorsed once peers of two organisations hold the block, before this node's replica does", async () => {
  const { told, submit } = ending(VALID);
  const answers = submit();
  while (!told.includes("ordered")) await immediate();
  expect(told).toEqual(["block -1", "ordered"]);
  await holding(founding(founder), anchor(founder, 0));
  expect(await answers).toEqual([expect.objectContaining({ ok: true })]);
});

test("nothing follows a record that is refused before it is answered", async () => {
  await holding(founding(founder));
  const submit = submitting([{ ok: true, repeats: true }, REFUSED], [REFUSED]);
  const { answers, isOrdered } = await submit(founding(founder), anchor(testMember("stranger"), 0));
  expect(answers).toMatchObject([{ ok: true }, { ok: false }]);
  expect(isOrdered).toBe(false);
});

test("what was found invalid because somebody wrote first is endorsed anew, as another transaction", async () => {
  await holding(founding(founder), anchor(founder, 0));
  const { seen, submit } = ending({ code: 11, name: "MVCC_READ_CONFLICT" }, VALID);
  expect(await submit()).toEqual([expect.objectContaining({ ok: true })]);
  expect(seen).toEqual({ endorsed: 2, submitted: ["transaction-1", "transaction-2"] });
});
