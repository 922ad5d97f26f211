import { expect, test } from "vitest";
import type { HistoryEntry } from "../../crypto/secagg/history.ts";
import { createReleaseHistory } from "./release-history.ts";

const release = (computation: string, pairs: readonly string[]): HistoryEntry => ({
  computation,
  digest: `digest of ${computation}`,
  position: 7,
  need: 3,
  sets: [{ kind: "exact", pairs }],
  cells: [{ recordKey: "sum of value, year 1950", set: 0 }],
});

const storeOf = (stored: readonly HistoryEntry[]) => ({
  get: async () => undefined,
  put: async () => undefined,
  delete: async () => undefined,
  async *entries() {
    for (const entry of stored) yield [entry.computation, entry] as const;
  },
});

test("a history is what was stored and what was remembered since, and the same cells are held once", async () => {
  const stored = [release("first", ["alpha:sales#1", "beta:sales#1"]), release("second", ["alpha:sales#1"])];
  const later = release("third", ["alpha:sales#1", "beta:sales#1"]);
  const history = createReleaseHistory(storeOf(stored));
  await history.load();
  history.remember(later);

  const [first, second, third] = history.entries();
  expect([first, second, third]).toEqual([...stored, later]);
  expect(third?.cells).toBe(first?.cells);
  expect(third?.sets).toBe(first?.sets);
  expect(second?.cells).toBe(first?.cells);
  expect(second?.sets).not.toBe(first?.sets);
  expect(history.has("third") && !history.has("fourth")).toBe(true);
});
