/** One bit of EVERY byte; `npm run test:flips` flips all eight. */
import { expect, it } from "vitest";
import { flipBundle, flipLedger } from "./_flips.ts";

const options = { seed: 1, eachBit: false };

it("a flipped bit in any byte of a bundle is found, with a named reason", async () => {
  const { missed, bytes, flips } = await flipBundle(options);
  expect(missed).toEqual([]);
  expect(flips).toBe(bytes);
  expect(bytes).toBeGreaterThan(20_000);
});

it("a flipped bit in any byte of any stored record or of the checkpoint is found, with a named reason", async () => {
  const { missed, bytes, flips } = await flipLedger(options);
  expect(missed).toEqual([]);
  expect(flips).toBe(bytes);
  expect(bytes).toBeGreaterThan(4_000);
});
