import fc from "fast-check";
import { expect, test } from "vitest";
import { createKeyFilter } from "./key-filter.ts";

test("a key that was added is never denied, whatever keys there are", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (keys) => {
      const filter = createKeyFilter();
      for (const key of keys) filter.add(key);
      expect(keys.every(filter.mayHold)).toBe(true);
    }),
  );
});

test("none is denied after it has grown, and nearly all others are", () => {
  const filter = createKeyFilter();
  const count = 200_000;
  for (let at = 0; at < count; at += 1) filter.add(`transaction/member/${at}`);
  let denied = 0;
  let wrong = 0;
  for (let at = 0; at < count; at += 1) {
    if (!filter.mayHold(`transaction/member/${at}`)) denied += 1;
    if (filter.mayHold(`transaction/another/${at}`)) wrong += 1;
  }
  expect(denied).toBe(0);
  expect(wrong / count).toBeLessThan(0.01);
});

test("nothing is there at first", () => {
  expect(createKeyFilter().mayHold("network")).toBe(false);
});
