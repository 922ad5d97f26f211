import fc from "fast-check";
import { expect, test } from "vitest";
import { packed, packedBytes, unpacked } from "../../../exchange/catalog/packed-text.ts";
import { createHeldTexts } from "./held-texts.ts";

const MIB = 1024 * 1024;

function testTexts(bytes: number) {
  const disk = new Map<string, Uint8Array>();
  let reads = 0;
  const texts = createHeldTexts({
    bytes,
    read(id) {
      reads += 1;
      return disk.get(id)!;
    },
  });
  return {
    reads: () => reads,
    write(number: number, text: string) {
      disk.set(`a:${number}`, packedBytes(packed(text)));
      texts.forget(number);
    },
    /** As long as this, whatever it says. */
    writeLong(number: number, length: number) {
      disk.set(`a:${number}`, new Uint8Array(length).fill(number));
      texts.forget(number);
    },
    clear: texts.clear,
    held: (number: number) => texts.get(number, `a:${number}`),
    text: (number: number) => unpacked(texts.get(number, `a:${number}`)),
  };
}

test("a text is what is on disk, whatever was written, asked for and dropped since", () => {
  const number = fc.integer({ min: 0, max: 200 });
  const step = fc.oneof(
    fc.record({ write: number, text: fc.string({ unit: "binary", maxLength: 60 }) }),
    fc.record({ long: number, length: fc.constantFrom(30_000, 64 * 1024, 64 * 1024 + 1) }),
    fc.record({ ask: number }),
    fc.constant("clear" as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.constantFrom(0, 2 * MIB), (steps, bytes) => {
      const net = testTexts(bytes);
      const written = new Map<number, { readonly text: string } | { readonly length: number }>();
      const check = (asked: number) => {
        const known = written.get(asked);
        if (known === undefined) return;
        if ("text" in known) return expect(net.text(asked)).toBe(Buffer.from(known.text).toString());
        const { deflated } = net.held(asked);
        expect(deflated.length).toBe(known.length - 12);
        return expect(deflated.every((byte) => byte === asked)).toBe(true);
      };
      for (const one of steps) {
        if (one === "clear") net.clear();
        else if ("ask" in one) check(one.ask);
        else if ("write" in one) {
          net.write(one.write, one.text);
          written.set(one.write, { text: one.text });
        } else {
          net.writeLong(one.long, one.length);
          written.set(one.long, { length: one.length });
        }
      }
      for (const asked of written.keys()) check(asked);
    }),
    { numRuns: 100 },
  );
});

test("a text is read once while there is room, and again when what came later has taken its place", () => {
  const net = testTexts(2 * MIB);
  for (let number = 0; number < 100; number += 1) net.writeLong(number, 60_000);
  net.held(0);
  net.held(0);
  expect(net.reads()).toBe(1);
  // 17 fit into one piece; the third piece takes the place of the first.
  for (let number = 1; number < 34; number += 1) net.held(number);
  net.held(0);
  expect(net.reads()).toBe(34);
  net.held(34);
  net.held(0);
  expect(net.reads()).toBe(36);
});

test("what somebody has in hand stays as it was when its place is taken", () => {
  const net = testTexts(MIB);
  net.writeLong(7, 60_000);
  net.held(7);
  const { deflated } = net.held(7);
  for (let number = 8; number < 60; number += 1) {
    net.writeLong(number, 60_000);
    net.held(number);
  }
  expect(deflated.every((byte) => byte === 7)).toBe(true);
});
