import { expect, test } from "vitest";
import type { Query } from "../../policies/model/query.ts";
import { assetOf } from "../statistics/_fixtures.ts";
import { compileLayout } from "../statistics/compile.ts";
import { type OutcomeInputs, resultOf } from "./outcome.ts";
import { createReleasedSums, type ResultSums } from "./released-sums.ts";

const assets = [0, 1, 2, 3, 4].map((index) => assetOf(index, 30));
const survivors = assets.map(({ provider }) => provider);
const NOTHING: ResultSums = { equations: [] };
const OUTPUT: Query["measures"] = [{ id: "output", statistic: { kind: "sum", element: "output" } }];

/** A computation of the sum over five organisations; `organisations` per cell as decoded. */
function release(computation: string, byYear: boolean, organisations: readonly number[], told: ResultSums) {
  const earlier = createReleasedSums();
  earlier.add(told);
  const query: Query = { measures: OUTPUT, groupBy: byYear ? [{ element: "year" }] : [], filters: [] };
  const layout = compileLayout({ query, assets, attributes: {} });
  const inputs = {
    opened: {
      request: computation,
      computation,
      receiver: "bureau",
      constants: { need: 3, minimumUnits: 0, colluders: 0 },
      cells: { mode: "registry", dimensions: layout.dimensions },
    },
    layout,
    assets,
    parties: { attributes: {} },
    decoded: {
      computation,
      survivors,
      cells: organisations.map((count, atom) => ({ atom, organisations: count })),
      words: BigUint64Array.from(organisations, (_, atom) => BigInt(1000 + atom)),
      complements: [],
      transcriptDigest: "A".repeat(43),
    },
    dropped: 0,
    earlier,
  } as unknown as OutcomeInputs;
  const { outcome } = resultOf(inputs);
  const figures =
    outcome.kind === "withheld" ? outcome.reasons : outcome.document.cells.map((cell) => cell.withheld ?? cell.value);
  return { figures, earlier: { equations: outcome.equations } };
}

test("a total that would give away a withheld year of an earlier table is withheld", () => {
  const table = release("table", true, [2, 5, 5], NOTHING);
  expect(table.figures).toEqual(["minimum-organisations", "1.001", "1.002"]);
  expect(release("total", false, [5], table.earlier).figures).toEqual(["sum-withheld"]);
});

test("a year beside a withheld one is withheld where the total is known", () => {
  const total = release("total", false, [5], NOTHING);
  expect(total.figures).toEqual(["1"]);
  const table = release("table", true, [2, 5, 5], total.earlier);
  expect(table.figures).toEqual(["minimum-organisations", "sum-withheld", "1.002"]);
});

test("what was withheld as a whole is not given away by a later table either", () => {
  const total = release("total", false, [2], NOTHING);
  expect(total.figures).toEqual(["minimum-organisations"]);
  expect(release("table", true, [5, 5, 5], total.earlier).figures).toContain("sum-withheld");
});

test("a total beside a whole table is released", () => {
  const table = release("table", true, [5, 5, 5], NOTHING);
  expect(release("total", false, [5], table.earlier).figures).toEqual(["1"]);
});
