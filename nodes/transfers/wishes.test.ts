import { expect, test } from "vitest";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { createWishes, type Wish } from "./wishes.ts";

const END: Wish = { become: "TERMINATED", cause: causeOf("project-ended") };
const PAUSE: Wish = { become: "SUSPENDED", cause: causeOf("holiday") };

test("an end that is wanted while an older wish is tidied away stands", async () => {
  const records = memoryRecords<Wish>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const wishes = createWishes({
    ...records,
    async delete(pid) {
      await promise;
      await records.delete(pid);
    },
  });
  await wishes.put("pid", PAUSE);
  const tidying = wishes.standing("pid", "SUSPENDED");
  const wanting = wishes.put("pid", END);
  resolve();
  expect([await tidying, await wanting]).toEqual([undefined, true]);
  expect(await wishes.get("pid")).toEqual(END);
});

test("nothing takes an end back, and another end does not change its cause", async () => {
  const wishes = createWishes(memoryRecords<Wish>());
  expect(await wishes.put("pid", PAUSE)).toBe(true);
  expect(await wishes.put("pid", END)).toBe(true);
  for (const later of [PAUSE, { become: "COMPLETED" }, { ...END, cause: causeOf("other") }] as const) {
    expect(await wishes.put("pid", later)).toBe(false);
  }
  expect(await wishes.standing("pid", "STARTED")).toEqual(END);
});

test("what a state has made good or impossible is gone, and what can still be said stands", async () => {
  const wishes = createWishes(memoryRecords<Wish>());
  await wishes.put("pid", PAUSE);
  expect(await wishes.standing("pid", "STARTED")).toEqual(PAUSE);
  expect(await wishes.standing("pid", "SUSPENDED")).toBeUndefined();
  await wishes.put("pid", { become: "COMPLETED" });
  expect(await wishes.standing("pid", "SUSPENDED")).toBeUndefined();
  expect(await wishes.get("pid")).toBeUndefined();
});
