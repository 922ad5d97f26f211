import fc from "fast-check";
import { expect, test } from "vitest";
import { namesLargest, type OutputTerms, outputTerms, strictestOutput } from "./output-terms.ts";

const percent = fc.constantFrom("0.5", "9.5", "10", "60", "85", "100");
const terms: fc.Arbitrary<OutputTerms> = fc
  .record(
    {
      dominance: fc.array(fc.record({ largest: fc.constantFrom("1", "2", "3"), percent }), { maxLength: 3 }),
      pPercent: percent,
      pq: fc.array(fc.record({ percent, prior: percent }), { maxLength: 2 }),
      protectionInterval: percent,
      zeroCells: fc.constantFrom("withheld" as const, "released" as const),
      rounding: fc.array(
        fc.record(
          { element: fc.constantFrom("output", "staff"), base: fc.constantFrom("5", "0.5"), unit: fc.constant("CNY") },
          { requiredKeys: ["base"], noNullPrototype: true },
        ),
        { minLength: 1, maxLength: 3 },
      ),
    },
    { requiredKeys: [] },
  )
  .map(outputTerms);

test("a policy that says nothing wants nothing; one with a rule and no interval wants ten percent", () => {
  expect(strictestOutput([outputTerms({})])).toEqual(strictestOutput([]));
  expect(namesLargest(outputTerms({}))).toBe(false);
  expect(outputTerms({ pPercent: "15" }).protectionInterval).toBe("10");
  expect(strictestOutput([outputTerms({ protectionInterval: "20" })]).protectionInterval).toBeNull();
  const both = strictestOutput([outputTerms({ protectionInterval: "20" }), outputTerms({ pPercent: "15" })]);
  expect(both).toMatchObject({ pPercent: "15", protectionInterval: "20" });
});

test("of several policies every rule holds, and none is milder than in any of them", () => {
  fc.assert(
    fc.property(fc.array(terms, { minLength: 1, maxLength: 4 }), (all) => {
      const merged = strictestOutput(all);
      for (const { dominance, pPercent, pq, protectionInterval, zeroCells, rounding = [] } of all) {
        for (const base of rounding) expect(merged.rounding).toContainEqual(base);
        for (const { largest, percent: limit } of dominance) {
          const held = merged.dominance.find((one) => one.largest === largest);
          expect(Number(held?.percent)).toBeLessThanOrEqual(Number(limit));
        }
        if (pPercent !== null) expect(Number(merged.pPercent)).toBeGreaterThanOrEqual(Number(pPercent));
        for (const rule of pq) expect(merged.pq).toContainEqual(rule);
        const wanted = namesLargest(merged) ? Number(protectionInterval ?? 0) : 0;
        expect(Number(merged.protectionInterval ?? 0)).toBeGreaterThanOrEqual(wanted);
        if (zeroCells === "withheld") expect(merged.zeroCells).toBe("withheld");
      }
      expect(strictestOutput([...all].reverse())).toEqual(merged);
      expect(strictestOutput([merged, merged])).toEqual(merged);
    }),
  );
});
