import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeBitmap } from "../../crypto/secagg/cells.ts";
import { bitsOf, linesOf } from "./cells.ts";

describe("bitmaps", () => {
  it("read as every node writes them", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.nat(39)), (atoms, picks) => {
        const included = [...new Set(picks.filter((atom) => atom < atoms))];
        const bits = bitsOf(encodeBitmap(atoms, included), atoms);
        expect(bits?.flatMap((bit, atom) => (bit ? [atom] : []))).toEqual(included.sort((a, b) => a - b));
      }),
    );
  });

  it.each([
    ["another length", "AQE", 8],
    ["bits beyond the end", "CA", 3],
    ["another encoding of the same bytes", "AR", 8],
    ["padding", "AQ==", 8],
  ])("are refused with %s", (_name, bitmap, atoms) => {
    expect(bitsOf(bitmap, atoms)).toBeUndefined();
  });
});

describe("lines", () => {
  it("are what each margin of a table adds up", () => {
    expect([...linesOf([{ size: 2 }, { size: 3 }])]).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect([...linesOf([{ size: 4 }])]).toEqual([[0, 1, 2, 3]]);
    expect([...linesOf([])]).toEqual([]);
  });

  it("hold every atom once per dimension", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }), (sizes) => {
        const atoms = sizes.reduce((a, b) => a * b, 1);
        const seen = new Array<number>(atoms).fill(0);
        for (const line of linesOf(sizes.map((size) => ({ size })))) for (const atom of line) seen[atom]! += 1;
        expect(seen.every((count) => count === sizes.length)).toBe(true);
      }),
    );
  });
});
