import { expect, test } from "vitest";
import { anchor, testMember } from "../conformance/fixture.ts";
import { createQuota } from "./quota.ts";
import { createSubmissionQueue } from "./submissions.ts";

const author = testMember("a");
const entry = { position: 0, time: "2026-01-01T00:00:00.000Z", transaction: anchor(author, 0) };
const answered = { ok: true, entry } as const;

test("one member can fill its share of the queue, not that of the others", () => {
  const queue = createSubmissionQueue({ maxQueue: 8, timeoutMs: 10_000 });
  const many = (first: number, count: number) => Array.from({ length: count }, (_, at) => anchor(author, first + at));
  queue.add(many(0, 2), "a");
  expect(() => queue.add(many(2, 1), "a")).toThrow(expect.objectContaining({ code: "ERR_LEDGER_FULL" }));
  queue.add(many(2, 2), "b");
  // The sequencer's own node is not held to a share.
  queue.add(many(4, 4), undefined);
  expect(() => queue.add(many(8, 1), undefined)).toThrow(expect.objectContaining({ code: "ERR_LEDGER_FULL" }));
  expect(queue.size()).toBe(8);
  queue.take(2);
  queue.add(many(8, 2), "a");
  expect(queue.size()).toBe(8);
});

test("what waits is bounded in size as well", () => {
  const queue = createSubmissionQueue({ maxQueue: 1_000, timeoutMs: 10_000, maxLength: 4_000 });
  queue.add([anchor(author, 0)], "a");
  expect(() => queue.add([anchor(author, 1), anchor(author, 2)], "a")).toThrow(
    expect.objectContaining({ code: "ERR_LEDGER_FULL" }),
  );
  queue.add([anchor(author, 1)], "b");
});

test("the same transaction handed in again waits with the first one", async () => {
  const queue = createSubmissionQueue({ maxQueue: 8, timeoutMs: 10_000 });
  const first = queue.add([anchor(author, 0)], "a");
  const twice = queue.add([anchor(author, 0), anchor(author, 0)], "a");
  expect(queue.size()).toBe(1);
  for (const submission of queue.take(10)) submission.answer(answered);
  expect(await first).toEqual([answered]);
  expect(await twice).toEqual([answered, answered]);
});

test("a member that floods the ledger is held to its share over time, and may go on later", () => {
  let at = 0;
  const { length } = JSON.stringify(anchor(author, 0));
  const quota = createQuota({ now: () => at, burst: 3 * length, perHour: length });
  const queue = createSubmissionQueue({ maxQueue: 1_000, timeoutMs: 10_000, quota });
  const quotaError = expect.objectContaining({ code: "ERR_LEDGER_QUOTA" });
  queue.add([anchor(author, 0), anchor(author, 1), anchor(author, 2)], "a");
  // Handed in again while it waits: it costs nothing.
  queue.add([anchor(author, 0)], "a");
  expect(() => queue.add([anchor(author, 3)], "a")).toThrow(quotaError);
  queue.add([anchor(author, 3)], "b");
  queue.add([anchor(author, 4)], undefined);
  expect(queue.size()).toBe(5);
  at = 59 * 60_000;
  expect(() => queue.add([anchor(author, 5)], "a")).toThrow(quotaError);
  at = 61 * 60_000;
  queue.add([anchor(author, 5)], "a");
  // A clock that runs backwards gives nothing.
  at = 0;
  expect(() => queue.add([anchor(author, 6)], "a")).toThrow(quotaError);
  at = 1_000 * 60 * 60_000;
  queue.add([anchor(author, 6), anchor(author, 7), anchor(author, 8)], "a");
  expect(() => queue.add([anchor(author, 9)], "a")).toThrow(quotaError);
});
