import { expect, test } from "vitest";
import { createReusedBuffers } from "./reused-buffers.ts";

test("nobody has bytes that somebody else has, and what was given back is used again", () => {
  const buffers = createReusedBuffers();
  const first = buffers.take(5_000);
  const second = buffers.take(5_000);
  first.fill(1);
  second.fill(2);
  expect([first, second].map((one) => [one.length >= 5_000, one[0]])).toEqual([
    [true, 1],
    [true, 2],
  ]);
  buffers.giveBack(first.subarray(0, 5_000));
  const third = buffers.take(8_192);
  expect(third.buffer).toBe(first.buffer);
  expect(buffers.take(8_192).buffer).not.toBe(first.buffer);
});

test("what is too large to be kept is had all the same, and never more than 4 MiB of a size are kept", () => {
  const buffers = createReusedBuffers();
  const large = buffers.take(3_000_000);
  expect(large.length).toBe(3_000_000);
  buffers.giveBack(large);
  expect(buffers.take(3_000_000).buffer).not.toBe(large.buffer);
  const many = Array.from({ length: 6 }, () => buffers.take(1_000_000));
  for (const one of many) buffers.giveBack(one);
  const again = new Set(Array.from({ length: 6 }, () => buffers.take(1_000_000).buffer));
  expect(many.filter(({ buffer }) => again.has(buffer))).toHaveLength(4);
});
