import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { JoinReleased } from "../../ledger/audit/join-statements.ts";
import { isToldOf } from "./told-of.ts";

const about = { run: "A".repeat(22), request: randomUUID(), agreement: randomUUID(), number: 2, minimum: 5, most: 40 };
const { most, ...said } = about;
const told = (change: object): JoinReleased["statement"] => ({
  ...said,
  told: { kind: "count", keys: 9 },
  at: "2026-06-01T00:00:00.000Z",
  ...change,
});

test("a number from the minimum to the shorter list's length is what a holder may have told of a run", () => {
  for (const keys of [5, 9, most]) expect(isToldOf(told({ told: { kind: "count", keys } }), about)).toBe(true);
});

test.each<[string, object]>([
  ["below the minimum", { told: { kind: "count", keys: 4 } }],
  ["beyond the shorter list", { told: { kind: "count", keys: 41 } }],
  ["under a minimum of its own", { minimum: 1 }],
  ["of another run", { run: "B".repeat(22) }],
  ["of a run with another number", { number: 1 }],
  ["for another request", { request: randomUUID() }],
  ["under another agreement", { agreement: randomUUID() }],
])("a number %s is not", (_what, change) => {
  expect(isToldOf(told(change), about)).toBe(false);
});
