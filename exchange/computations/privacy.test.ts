import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { costFor } from "../../policies/privacy/accountant.ts";
import { isWithin } from "../../policies/privacy/skellam.ts";
import type { Layout } from "../statistics/layout.ts";
import { readElement, writeElement } from "../statistics/vector.ts";
import { drawNoise, errorVariance, expectedErrors, noisePlan, openedPrivacy, withNoise } from "./privacy.ts";

const field = { name: "x", element: "energy", type: "decimal", scale: 1, bounds: { minimum: "-10", maximum: "10" } };
const members = Array.from({ length: 9 }, (_, i) => `m${i}`);
const attributes = Object.fromEntries(members.map((id, i) => [id, { sector: i < 6 ? "17" : "28" }]));
const parties = { attributes } as never;
const sector = { name: "sector", size: 2, attribute: { name: "sector", values: ["17", "28"] } };
const layout = {
  components: [
    { word: { kind: "units" }, words: 1, bound: "9" },
    { word: { kind: "moment", factors: ["energy"], complete: ["energy"] }, words: 1, bound: "1000" },
  ],
  elements: [{ element: "energy", unit: null, scale: 1, bound: "100" }],
  domains: [
    { kind: "attribute", name: "sector", codes: ["17", "28"] },
    { kind: "element", name: "year", codes: ["2024", "2025", "2026"] },
  ],
  atoms: 6,
  wordsPerAtom: 2,
} as unknown as Layout;
const opened = {
  cells: { mode: "registry", dimensions: [sector, { name: "year", size: 3 }] },
  cohort: members.map((member) => ({ member })),
  constants: { members: 9, quorum: 7, need: 3, colluders: 1, threshold: 7, minimumOrganisations: 3 },
} as never;
const clipped = (minimum: string, maximum: string) =>
  members.map(() => ({
    asset: { id: "m:a", fields: [field] } as never,
    privacy: {
      epsilon: "1",
      delta: "0.000001",
      budget: "9",
      clips: [{ element: "energy", minimum, maximum }],
      units: 1,
    },
  }));
const terms = { epsilon: "1", delta: "0.000001", units: 1 };
const plan = noisePlan(layout, clipped("-400", "2000"), terms);
const inputs = { opened, layout, plan, parties };

function vectorOf(values: readonly bigint[]): BigUint64Array {
  const vector = new BigUint64Array(values.length);
  for (const [at, value] of values.entries()) writeElement(vector, at, 1, value);
  return vector;
}

test("whatever an organisation holds, what it sends differs by no more than the opening says", () => {
  const contribution = fc.array(fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n }), { minLength: 12, maxLength: 12 });
  const { components } = openedPrivacy(plan);
  const none = new Int32Array(12);
  fc.assert(
    fc.property(contribution, contribution, (one, other) => {
      const [a, b] = [one, other].map((values) => withNoise(vectorOf(values), inputs, "m0", none)) as [
        BigUint64Array,
        BigUint64Array,
      ];
      for (let at = 0; at < 12; at++) {
        const { granule, steps } = components[at % 2]!;
        const [x, y] = [readElement(a, at, 1), readElement(b, at, 1)];
        // Sector 28 is another's.
        if (at >= 6) expect([x, y]).toEqual([0n, 0n]);
        expect(x % BigInt(granule)).toBe(0n);
        const change = x > y ? x - y : y - x;
        expect(change <= BigInt(granule) * BigInt(steps)).toBe(true);
      }
    }),
  );
});

test("the noise of all sums together costs no more than ε and δ allow, over the cells an organisation may be in", () => {
  const cost = costFor(1, 1e-6);
  expect(plan.cost).toBe(cost);
  for (const { steps, variance } of openedPrivacy(plan).components) {
    expect(isWithin(Math.floor(cost / 2), { cells: 3, steps }, variance)).toBe(true);
  }
});

test("the shares of those who stay and do not collude make the whole of the noise", () => {
  // Six in sector 17, of whom two may drop out and one colludes; three in 28, of whom all stay and one colludes.
  for (const [atom, honest, all] of [
    [0, 3, 6],
    [3, 2, 3],
  ] as const) {
    for (const [component, { granule, variance }] of openedPrivacy(plan).components.entries()) {
      const withPrivacy = { ...(opened as object), privacy: openedPrivacy(plan) } as never;
      const of = (contributors: number) => {
        const { numerator, denominator } = errorVariance(withPrivacy, parties, { atom, component, contributors });
        return Number(numerator) / Number(denominator) / Number(granule) ** 2;
      };
      expect(of(honest)).toBeGreaterThanOrEqual(variance);
      expect(of(honest)).toBeLessThan(variance + honest * 2.5);
      expect(of(all) / of(honest)).toBeCloseTo(all / honest, 6);
    }
  }
});

test("noise is drawn for one's own cells alone, of the variance that is stated", () => {
  const single = { ...inputs, layout: { ...layout, atoms: 6 } };
  let squares = 0;
  const rounds = 400;
  for (let i = 0; i < rounds; i++) {
    const noise = drawNoise(single, "m0", randomBytes);
    expect([...noise.slice(6)]).toEqual([0, 0, 0, 0, 0, 0]);
    for (let at = 1; at < 6; at += 2) squares += noise[at]! ** 2;
  }
  const share = 2 * Math.ceil(plan.components[1]!.variance / 6);
  // 1,200 squares: standard deviation of their mean is 4 %.
  expect(Math.abs(squares / (3 * rounds) / share - 1)).toBeLessThan(0.25);
});

test("bounds that leave nothing, and sums without bounds, are refused", () => {
  expect(() => noisePlan(layout, clipped("5", "5"), terms)).toThrow("nothing is left between the bounds");
  const unbounded = clipped("0", "1").map((party) => ({ ...party, privacy: undefined }));
  expect(() => noisePlan(layout, unbounded, terms)).toThrow("no policy bounds energy");
});

test("what is expected before a request is what the release states, and no less where the register splits the cohort", () => {
  const noised = { ...(opened as object), privacy: openedPrivacy(plan) } as never;
  const stated = (atom: number, component: number, contributors: number) => {
    const { numerator, denominator } = errorVariance(noised, parties, { atom, component, contributors });
    return Math.sqrt(Number(numerator) / Number(denominator));
  };
  const split = expectedErrors(noised, layout);
  expect(split.map(({ of, element }) => [of, element])).toEqual([
    ["units", undefined],
    ["sum", "energy"],
  ]);
  for (const [atom, contributors] of [
    [0, 6],
    [3, 3],
  ] as const) {
    expect(split[0]!.standardError).toBeGreaterThanOrEqual(stated(atom, 0, contributors));
    // Integers of the layout are tenths.
    expect(split[1]!.standardError).toBeGreaterThanOrEqual(stated(atom, 1, contributors) / 10);
  }
  const whole = { ...(noised as object), cells: { mode: "registry", dimensions: [] } } as never;
  const [, sum] = expectedErrors(whole, { ...layout, domains: [] });
  const { numerator, denominator } = errorVariance(whole, parties, { atom: 0, component: 1, contributors: 9 });
  expect(sum!.standardError).toBeCloseTo(Math.sqrt(Number(numerator) / Number(denominator)) / 10, 6);
});
