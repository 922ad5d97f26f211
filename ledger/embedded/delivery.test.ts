import { setImmediate as immediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { anchor, founding, testMember } from "../conformance/fixture.ts";
import type { SignedTransaction } from "../port.ts";
import { memoryStore } from "./_memory-store.ts";
import { createBell } from "./bell.ts";
import type { Chain } from "./chain.ts";
import { createDelivery } from "./delivery.ts";
import { openOutbox } from "./outbox.ts";

const author = testMember("a");
const NOW = "2026-11-22T12:00:00.000Z";

interface Call {
  readonly transactions: readonly SignedTransaction[];
  readonly order: () => void;
  readonly answer: () => void;
  readonly fail: (error: Error) => void;
}

let closing: AbortController;
beforeEach(() => {
  closing = new AbortController();
});
afterEach(() => closing.abort());

/** A node whose sequencer answers when the test says so, and whose replica holds whatever is asked for. */
async function delivering(atOnce: number) {
  const calls: Call[] = [];
  const called = createBell();
  const held: SignedTransaction[] = [];
  const chain = {
    head: () => ({ size: held.length }),
    bell: createBell(),
    async *entries(position: number) {
      yield { position, time: NOW, transaction: held[position]! };
    },
  } as unknown as Chain;
  const outbox = await openOutbox(memoryStore(), 100);
  const { signal } = closing;
  const delivery = createDelivery({
    chain,
    outbox,
    sequencer: {
      submit(transactions, onOrdered) {
        const { promise, resolve, reject } = Promise.withResolvers<{ ok: true; entry: never }[]>();
        const answer = () => {
          const from = held.length;
          held.push(...transactions);
          resolve(
            transactions.map((transaction, at) => ({
              ok: true,
              entry: { position: from + at, time: NOW, transaction } as never,
            })),
          );
        };
        calls.push({ transactions, order: onOrdered, answer, fail: reject });
        called.ring();
        return promise;
      },
    },
    now: () => Date.parse(NOW),
    signal,
    atOnce,
    retryMs: 1,
    submitTimeoutMs: 10_000,
    halted: () => undefined,
    onTrouble: () => undefined,
    onRejected: () => undefined,
  });
  void delivery.run();
  async function call(at: number): Promise<Call> {
    while (calls.length <= at && !signal.aborted) await called.wait(signal);
    return calls[at]!;
  }
  /** After everything that is ready to happen has. */
  async function settled(): Promise<void> {
    for (let turn = 0; turn < 100; turn += 1) await immediate();
  }
  return { delivery, outbox, calls, call, settled };
}

const records = [founding(author), anchor(author, 0), anchor(author, 1)] as const;

test("those behind are brought while those before, which are ordered, are being answered; at most two calls at a time", async () => {
  const { delivery, calls, call, settled } = await delivering(1);
  const submitted = Promise.all(records.map((record) => delivery.submit([record])));
  const first = await call(0);
  await settled();
  expect(calls.length).toBe(1);
  first.order();
  const second = await call(1);
  expect(second.transactions).toEqual([records[1]]);
  second.order();
  await settled();
  expect(calls.length).toBe(2);
  first.answer();
  (await call(2)).answer();
  second.answer();
  expect((await submitted).flat().map(({ transaction }) => transaction)).toEqual(records);
});

test("what is ordered and not answered in the end is brought again, though nothing new comes", async () => {
  const { delivery, outbox, call } = await delivering(1);
  const submitted = delivery.submit([records[0]]);
  const first = await call(0);
  first.order();
  first.fail(new Error("the connection is gone"));
  (await call(1)).answer();
  expect(await submitted).toMatchObject([{ transaction: records[0] }]);
  expect(outbox.size()).toBe(0);
});
