import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { has } from "../../../exchange/catalog/number-set.ts";
import { createHeldLists } from "./held-lists.ts";

const LISTS = ["for/government", "level/L1", "keyword/coal"] as const;
const IDS = Array.from({ length: 80 }, (_, at) => `a:${String(at).padStart(2, "0")}`);

function testLists(bytes: number) {
  const disk = new Map<string, Set<string>>(LISTS.map((list) => [list, new Set()]));
  let reads = 0;
  let onRead: () => Promise<void> = async () => undefined;
  const lists = createHeldLists({
    bytes,
    async read(list, after, limit) {
      reads += 1;
      const found = [...disk.get(list)!].sort().filter((id) => after === undefined || id > after);
      await onRead();
      return found.slice(0, limit);
    },
  });
  return {
    lists,
    reads: () => reads,
    whileReading(work: () => void) {
      onRead = async () => {
        onRead = async () => undefined;
        work();
      };
    },
    write(id: string, into: readonly string[]) {
      const before = LISTS.filter((list) => disk.get(list)!.has(id));
      for (const list of before) disk.get(list)!.delete(id);
      for (const list of into) disk.get(list)!.add(id);
      lists.change(id, before, into);
    },
    async held(list: string) {
      const set = await lists.get(list);
      return IDS.filter((id) => {
        const number = lists.order.numberOf(id);
        return number !== undefined && has(set, number);
      });
    },
    onDisk: (list: string) => [...disk.get(list)!].sort(),
  };
}

describe("a list in memory", () => {
  test("is what is on disk, whatever was written, asked for and forgotten since", async () => {
    const step = fc.oneof(
      fc.record({ id: fc.constantFrom(...IDS), into: fc.subarray([...LISTS]) }),
      fc.record({ ask: fc.constantFrom(...LISTS) }),
      fc.constant("forget" as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 700, 1 << 20), async (steps, bytes) => {
        const net = testLists(bytes);
        for (const one of steps) {
          if (one === "forget") net.lists.forget();
          else if ("ask" in one) expect(await net.held(one.ask)).toEqual(net.onDisk(one.ask));
          else net.write(one.id, one.into);
        }
        for (const list of LISTS) expect(await net.held(list)).toEqual(net.onDisk(list));
      }),
      { numRuns: 100 },
    );
  });

  test("is not kept where something was written while it was read", async () => {
    const net = testLists(1 << 20);
    net.write("a:01", ["level/L1"]);
    net.whileReading(() => net.write("a:02", ["level/L1"]));
    await net.lists.get("level/L1");
    expect(await net.held("level/L1")).toEqual(["a:01", "a:02"]);
  });

  test("is read once by all who ask for it at once, and not again while there is room for it", async () => {
    const net = testLists(1 << 20);
    net.write("a:01", ["level/L1"]);
    await Promise.all([net.held("level/L1"), net.held("level/L1")]);
    await net.held("level/L1");
    expect(net.reads()).toBe(1);
  });

  test("makes room for others: the one that was asked for the longest ago goes first", async () => {
    const net = testLists(700);
    await net.held("for/government");
    await net.held("level/L1");
    await net.held("for/government");
    await net.held("keyword/coal");
    expect(net.reads()).toBe(3);
    await net.held("for/government");
    expect(net.reads()).toBe(3);
    await net.held("level/L1");
    expect(net.reads()).toBe(4);
  });
});
