import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countedFitting, countedIncluded, encodeBitmap } from "../../crypto/secagg/cells.ts";
import { bitsOf, type CellFacts, complementsOf, linesOf } from "./cells.ts";
import type { Evidence } from "./evidence.ts";

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

describe("complements", () => {
  const NEED = 3;
  const evidenceOf = (dimensions: readonly { name: string; size: number }[], atoms: number, momentMargin = 0) =>
    ({
      opened: { cells: { dimensions }, constants: { need: NEED, colluders: 0 } },
      body: { opened: { layout: { document: { layout: { atoms, momentMargin } } } } },
    }) as unknown as Evidence;
  const factsOf = (counts: readonly number[]): CellFacts => ({
    atoms: counts.map((count) => ({ count, least: count, fits: count >= NEED })),
    contract: undefined,
    joint: (leftOut) => leftOut.reduce((most, atom) => Math.max(most, counts[atom]!), 0),
  });

  it("are what the nodes leave out although it is enough by itself, in tables of any shape", () => {
    const members = Array.from({ length: 9 }, (_, i) => `m${i}`);
    const constants = { members: 9, threshold: 7, quorum: 7, minimumOrganisations: 3, minimumUnits: 0 };
    const all = { ...constants, colluders: 0, drops: 0, need: NEED };
    const units = Object.fromEntries(members.map((member) => [member, { kind: "provider" as const }]));
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
        fc.infiniteStream(fc.nat(9)),
        (sizes, k) => {
          const atoms = sizes.reduce((a, b) => a * b, 1);
          const counts = Array.from({ length: atoms }, () => k.next().value as number);
          const dimensions = sizes.map((size, i) => ({ name: `d${i}`, size }));
          const layout = {
            atoms,
            components: [1 as const],
            excluded: [],
            minimumOrganisations: 0,
            recordKeys: [],
            units,
          };
          const shape = { ...layout, sharedUnitDomains: false, chunkWords: 8 };
          const included = countedIncluded(dimensions, members, counts, counts, all, shape);
          const fitting = countedFitting(members, counts, counts, all, shape);
          expect([...complementsOf(evidenceOf(dimensions, atoms), factsOf(counts))]).toEqual(
            fitting.filter((atom) => !included.includes(atom)),
          );
        },
      ),
    );
  });

  it("also follow from the minimum of exact moments", () => {
    const dimensions = [{ name: "d", size: 3 }];
    // With a margin of 4 a cell of four is too small by one; alone it holds enough to hide, so nothing else goes.
    expect([...complementsOf(evidenceOf(dimensions, 3, 4), factsOf([4, 6, 7]))]).toEqual([]);
    expect([...complementsOf(evidenceOf(dimensions, 3, 4), factsOf([2, 6, 7]))]).toEqual([1]);
  });
});
