import { beforeEach, expect, test } from "vitest";
import { anchor, founding, NETWORK, testMember } from "../conformance/fixture.ts";
import { memoryStore } from "../embedded/_memory-store.ts";
import type { SignedTransaction } from "../port.ts";
import type { GatewayConnection } from "./gateway.ts";
import { createSubmitter } from "./submitter.ts";
import { openView, type View } from "./view.ts";

const NOW = Date.parse("2026-11-22T12:00:00.000Z");
const founder = testMember("operator", { kind: "industry" });
const REFUSED = { ok: false, code: "ERR_CONTRACT_RANGE", message: "said so" } as const;

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
      payload: Buffer.from(JSON.stringify(answers[Math.min(calls++, answers.length - 1)])),
    }),
  } as unknown as GatewayConnection;
  const { submit } = createSubmitter({
    view,
    connected: async () => connection,
    call: { member: founder.id, code: "code" },
    now: () => NOW,
    signal: new AbortController().signal,
    settleMs: 1,
  });
  return async (...transactions: readonly SignedTransaction[]) => ({ answers: await submit(transactions), calls });
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
