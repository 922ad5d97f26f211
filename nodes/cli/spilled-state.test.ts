import fc from "fast-check";
import { expect, test } from "vitest";
import { playLife } from "../../ledger/audit/_fixture.ts";
import { memoryStore } from "../../ledger/audit/memory-store.ts";
import { storedForm, verifyReplica } from "../../ledger/audit/replica.ts";
import { memoryStore as memoryLogStore } from "../../ledger/embedded/_memory-store.ts";
import { spilledState } from "./spilled-state.ts";

const few = (held: number) => {
  const disk = memoryLogStore();
  return { disk, state: spilledState(async () => disk, held) };
};

test("state that is partly on the disk answers as state in memory does", async () => {
  const key = fc.stringMatching(/^[a-c](\/[a-c]){0,3}$/);
  const step = fc.record({ key, value: fc.nat(), prefix: fc.stringMatching(/^([a-c]\/){0,2}[a-c]?$/) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), async (steps, held) => {
      const { state } = few(held);
      const model = memoryStore();
      for (const { key: name, value, prefix } of steps) {
        expect(await state.get(name)).toEqual(await model.get(name));
        await state.put(name, { value });
        await model.put(name, { value });
        expect(await state.get(name)).toEqual({ value });
        const [got, expected]: unknown[][] = [[], []];
        for await (const pair of state.range(prefix)) got!.push(pair);
        for await (const pair of model.range(prefix)) expected!.push(pair);
        expect(got).toEqual(expected);
      }
    }),
  );
});

test("a ledger is verified with little of its state in memory, and a changed record is found at its place", async () => {
  const life = await playLife({ mode: "counted" });
  const stored = life.ledger.entries.map(storedForm);
  const { state, disk } = few(3);
  const report = await verifyReplica(stored, life.checkpoint, life.trust, state);
  expect(report).toEqual(await verifyReplica(stored, life.checkpoint, life.trust));
  expect(report.verdict).toBe("verified");
  expect(disk.data.size).toBeGreaterThan(stored.length);
  // The last record once more: that it is a repetition is known from the disk.
  const again = [...stored, { ...stored[2]!, position: stored.length }].map(({ position, text }, at) => {
    const time = JSON.parse(stored.at(-1)!.text).time as string;
    return { position, text: at === stored.length ? text.replace(/"time":"[^"]*"/, `"time":"${time}"`) : text };
  });
  const repeated = await verifyReplica(again, life.checkpoint, life.trust, few(3).state);
  expect(repeated.problem).toMatchObject({ where: `/${stored.length}`, code: "repeated" });
});
