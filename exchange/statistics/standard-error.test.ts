/** Standard errors of figures with noise, beside a simulation of the noise that they are of. */
import { expect, test } from "vitest";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Statistic } from "../../policies/model/query.ts";
import { assetOf, SECTORS } from "./_fixtures.ts";
import { compileLayout } from "./compile.ts";
import { decode, type ResultCell } from "./decode.ts";
import { componentPlaces, type Layout, layoutWords, type Word } from "./layout.ts";
import { rational } from "./rational.ts";
import { writeElement } from "./vector.ts";

const statistics: Record<string, Statistic> = {
  sum: { kind: "sum", element: "output" },
  mean: { kind: "mean", element: "output" },
  ratio: { kind: "ratio", numerator: "output", denominator: "tax" },
  count: { kind: "count" },
};
const assets = [assetOf(0, 40), assetOf(1, 30), assetOf(2, 30)];
const layout = compileLayout({
  query: {
    measures: Object.entries(statistics).map(([id, statistic]) => ({ id, statistic })),
    groupBy: [],
    filters: [],
  },
  assets,
  attributes: SECTORS,
});

/** Sums and standard deviations of their errors, in integers of the layout, by the order of components. */
const numbers = layout.components.map((_, i) => ({ sum: 1_000_000 * (i + 2), deviation: 3_000 * (i + 1) }));
const variance = (_atom: number, at: number) => rational(BigInt(numbers[at]!.deviation) ** 2n);

function figures(values: readonly number[]): ReadonlyMap<string, ResultCell> {
  const sums = new BigUint64Array(layoutWords(layout));
  for (const [at, { word }] of layout.components.entries()) {
    const { offset, words } = placeOf(layout, word);
    writeElement(sums, offset, words, BigInt(Math.round(values[at]!)));
  }
  const options = { counts: [9], colluders: 1, variance };
  return new Map(decode(layout, sums, [true], options).map((cell) => [cell.measure, cell]));
}
function placeOf(of: Layout, word: Word) {
  const place = componentPlaces(of).get(canonicalJson(word));
  if (place === undefined) throw new Error("no such component");
  return place;
}

/** Box and Muller's method, from a fixed sequence. */
function normals(): () => number {
  let state = 12_345n;
  const uniform = () => {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) % 2n ** 64n;
    return (Number(state >> 11n) + 0.5) / 2 ** 53;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

test.each(Object.keys(statistics))(
  "the standard error of a %s is how far noise of the stated variance moves it",
  (id) => {
    const { value, standardError } = figures(numbers.map(({ sum }) => sum)).get(id)!;
    const next = normals();
    const rounds = 4_000;
    let squares = 0;
    for (let round = 0; round < rounds; round++) {
      const moved = figures(numbers.map(({ sum, deviation }) => sum + deviation * next())).get(id)!;
      squares += (Number(moved.value) - Number(value)) ** 2;
    }
    // The standard deviation of 4,000 squares' root mean is 1.1 %.
    expect(Math.sqrt(squares / rounds) / Number(standardError)).toBeGreaterThan(0.94);
    expect(Math.sqrt(squares / rounds) / Number(standardError)).toBeLessThan(1.06);
  },
);

test("figures without noise state no error, nor does what is withheld or has no value", () => {
  const sums = new BigUint64Array(layoutWords(layout));
  const options = { counts: [9], colluders: 1 };
  for (const cell of decode(layout, sums, [true], options)) expect(cell).not.toHaveProperty("standardError");
  for (const cell of decode(layout, sums, [false], { ...options, variance })) {
    expect(cell).not.toHaveProperty("standardError");
  }
  const nothing = figures(numbers.map(() => 0));
  for (const id of ["mean", "ratio"]) expect(nothing.get(id)).not.toHaveProperty("standardError");
});
