import { expect, test } from "vitest";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { createWishes, isAllowed, type Wish, type WishStores } from "./wishes.ts";

const END: Wish = { become: "TERMINATED", cause: causeOf("project-ended") };
const PAUSE: Wish = { become: "SUSPENDED", cause: causeOf("holiday") };
const stores = (): WishStores => ({ wishes: memoryRecords(), holds: memoryRecords() });

test("an end that is wanted while an older wish is tidied away stands", async () => {
  const { holds, wishes: records } = stores();
  const { promise, resolve } = Promise.withResolvers<void>();
  const wishes = createWishes({
    holds,
    wishes: {
      ...records,
      async delete(pid) {
        await promise;
        await records.delete(pid);
      },
    },
  });
  await wishes.put("pid", { become: "STARTED" });
  const tidying = wishes.standing("pid", "STARTED");
  const wanting = wishes.put("pid", END);
  resolve();
  expect([await tidying, await wanting]).toEqual([undefined, true]);
  expect(await wishes.get("pid")).toEqual(END);
});

test("nothing takes an end back, and another end does not change its cause", async () => {
  const wishes = createWishes(stores());
  expect(await wishes.put("pid", PAUSE)).toBe(true);
  expect(await wishes.put("pid", END)).toBe(true);
  for (const later of [PAUSE, { become: "COMPLETED" }, { ...END, cause: causeOf("other") }] as const) {
    expect(await wishes.put("pid", later)).toBe(false);
  }
  expect(await wishes.standing("pid", "STARTED")).toEqual(END);
});

test("what a state has made good or impossible is gone, and what can still be said stands", async () => {
  const wishes = createWishes(stores());
  await wishes.put("pid", { become: "COMPLETED" });
  expect(await wishes.standing("pid", "STARTED")).toEqual({ become: "COMPLETED" });
  expect(await wishes.standing("pid", "SUSPENDED")).toBeUndefined();
  expect(await wishes.get("pid")).toBeUndefined();
});

test("a hold stands in every state until it is lifted, after a restart too, and is said where it can be", async () => {
  const disk = stores();
  await createWishes(disk).put("pid", PAUSE);
  const wishes = createWishes(disk);
  expect(await wishes.standing("pid", "STARTED")).toEqual(PAUSE);
  expect(await wishes.standing("pid", "SUSPENDED")).toBeUndefined();
  expect([await wishes.get("pid"), await wishes.isHeld("pid")]).toEqual([PAUSE, true]);
  await wishes.put("pid", { become: "STARTED" });
  expect(await wishes.isHeld("pid")).toBe(false);
  expect(await wishes.standing("pid", "SUSPENDED")).toEqual({ become: "STARTED" });
  expect(await wishes.standing("pid", "STARTED")).toBeUndefined();
});

test("a hold takes the place of an older wish to go on", async () => {
  const wishes = createWishes(stores());
  await wishes.put("pid", { become: "STARTED" });
  await wishes.put("pid", PAUSE);
  expect(await wishes.standing("pid", "SUSPENDED")).toBeUndefined();
  expect(await wishes.get("pid")).toEqual(PAUSE);
});

test.each([
  ["a provider holds what its consumer has suspended", "SUSPENDED", "provider", "consumer", false, true],
  ["a provider lifts a hold that its consumer has not taken", "STARTED", "provider", undefined, true, true],
  ["a provider starts what runs", "STARTED", "provider", undefined, false, false],
  ["a consumer starts what its provider has suspended", "STARTED", "consumer", "provider", false, false],
  ["a consumer lifts its own hold of what its provider has suspended", "STARTED", "consumer", "provider", true, true],
] as const)("%s", (_what, become, role, by, isHeld, isPossible) => {
  const state = by === undefined ? "STARTED" : "SUSPENDED";
  const document = { state, stopped: by && { by, code: undefined } } as Transfer;
  expect(isAllowed(become, document, role, isHeld)).toBe(isPossible);
});
