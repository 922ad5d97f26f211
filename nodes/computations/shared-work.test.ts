import { expect, test } from "vitest";
import { createSharedWork } from "./shared-work.ts";

test("callers at the same time share one run, later ones get another", async () => {
  const shared = createSharedWork();
  let runs = 0;
  const work = async () => ++runs;
  expect(await Promise.all([shared("a", work), shared("a", work)])).toEqual([1, 1]);
  expect(await shared("a", work)).toBe(2);
});

test("a run that fails fails for all of its callers, and only for them", async () => {
  const shared = createSharedWork();
  const failing = () => Promise.reject(new Error("away"));
  const both = await Promise.allSettled([shared("a", failing), shared("a", failing)]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await shared("a", async () => "back")).toBe("back");
});
