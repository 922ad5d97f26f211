import { beforeAll, describe, expect, test } from "vitest";
import { loadSolver, type Solver } from "../../policies/disclosure/solver.ts";
import { outputTerms, strictestOutput } from "../../policies/model/output-terms.ts";
import type { Query } from "../../policies/model/query.ts";
import { assetOf } from "../statistics/_fixtures.ts";
import { compileLayout } from "../statistics/compile.ts";
import { atomCodes } from "../statistics/layout.ts";
import { type Outcome, type OutcomeInputs, resultOf } from "./outcome.ts";
import type { SumEquation } from "./release-check.ts";
import { createReleasedSums, type ResultSums } from "./released-sums.ts";

const assets = [0, 1, 2, 3, 4].map((index) => assetOf(index, 30));
const survivors = assets.map(({ provider }) => provider);
const NOTHING: ResultSums = { equations: [] };
const OUTPUT: Query["measures"] = [{ id: "output", statistic: { kind: "sum", element: "output" } }];

/** Values that are published, and the first rule against each that is not: the receiver knows it, the document does not. */
function figuresIn(outcome: Outcome): readonly string[] {
  const rules = outcome.withheldFigures.map(({ rules: [first] }) => first!);
  if (outcome.kind === "withheld") {
    expect(outcome.reasons).toEqual(["disclosure-control"]);
    return [...new Set(rules)];
  }
  const withheld = outcome.document.cells.flatMap((cell) => cell.withheld ?? []);
  expect(withheld).toEqual(rules.map(() => "disclosure-control"));
  return outcome.document.cells.map((cell) => (cell.withheld === undefined ? cell.value! : rules.shift()!));
}

/** A computation of the sum over five organisations; `organisations` per cell as decoded. */
function release(
  computation: string,
  byYear: boolean,
  organisations: readonly number[],
  told: ResultSums,
  { measures = OUTPUT, ...limits }: Partial<Pick<Query, "measures" | "period" | "filters">> = {},
) {
  const earlier = createReleasedSums();
  earlier.add(told);
  const query: Query = { measures, groupBy: byYear ? [{ element: "year" }] : [], filters: [], ...limits };
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
    output: strictestOutput([]),
  } as unknown as OutcomeInputs;
  const { outcome } = resultOf(inputs);
  const figures = figuresIn(outcome);
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

test("a weighted sum counts as a release of each sum in it, and is withheld with any of them", () => {
  const year = (value: string) => ({ element: "output", weight: "0.5", where: { element: "year", value } });
  const weighted = (...years: string[]): Query["measures"] => [
    { id: "index", statistic: { kind: "weighted-sum", terms: years.map(year) } },
  ];
  const two = release("index", false, [5], NOTHING, { measures: weighted("2022", "2023") });
  expect(two.figures).toEqual(["0.5"]);
  // The third year was too small: its total with those two would tell it.
  const table = release("table", true, [2, 5, 5], NOTHING);
  expect(release("all", false, [5], table.earlier, { measures: weighted("2021", "2022", "2023") }).figures).toEqual([
    "sum-withheld",
  ]);
  expect(release("both", false, [5], table.earlier, { measures: weighted("2022", "2023") }).figures).toEqual(["0.5"]);
  const both = { equations: [...table.earlier.equations, ...two.earlier.equations] };
  expect(release("total", false, [5], both).figures).toEqual(["sum-withheld"]);
});

test("a period is withheld that a longer one would tell a withheld one by, and so is a range of numbers or dates", () => {
  const period = (from: string, to: string) => ({ period: { from, to } });
  const last = release("last", false, [2], NOTHING, period("2023-12-01", "2023-12-31"));
  expect(last.figures).toEqual(["minimum-organisations"]);
  const whole = release("whole", false, [5], last.earlier);
  expect(whole.figures).toEqual(["1"]);
  const both = { equations: [...last.earlier.equations, ...whole.earlier.equations] };
  const most = (told: ResultSums) => release("most", false, [5], told, period("2021-01-01", "2023-11-30")).figures;
  expect([most(both), most(last.earlier)]).toEqual([["sum-withheld"], ["1"]]);
  const filed = { element: "filed-on", operator: "lteq" as const, values: ["2023-11-30"] };
  const paid = { element: "tax", operator: "gteq" as const, values: ["5000"] };
  expect(release("filed", false, [5], both, { filters: [filed] }).figures).toEqual(["sum-withheld"]);
  const large = release("large", false, [2], whole.earlier, { filters: [paid] });
  const known = { equations: [...whole.earlier.equations, ...large.earlier.equations] };
  const small = [{ ...paid, operator: "lteq" as const, values: ["4999"] }];
  expect(release("small", false, [5], known, { filters: small }).figures).toEqual(["sum-withheld"]);
});

test("a total beside a whole table is released", () => {
  const table = release("table", true, [5, 5, 5], NOTHING);
  expect(release("total", false, [5], table.earlier).figures).toEqual(["1"]);
});

describe("with rules about the largest contributors", () => {
  const output = strictestOutput([outputTerms({ dominance: [{ largest: "1", percent: "60" }] })]);
  const attributes = { sector: ["paper", "metals"] };
  const sectorOf = (index: number) => (index < 3 ? "paper" : "metals");
  const query = (bySector: boolean): Query => ({
    measures: OUTPUT,
    groupBy: bySector ? [{ attribute: "sector" }] : [],
    filters: [],
  });
  let solver: Solver;
  beforeAll(async () => {
    solver = await loadSolver();
  });

  /** Six organisations, three of each sector, as the sums of their values say. */
  function judged(values: readonly number[], bySector: boolean, told: ResultSums, change: Partial<OutcomeInputs> = {}) {
    const six = [0, 1, 2, 3, 4, 5].map((index) => assetOf(index, 30));
    const members = six.map(({ provider }) => provider);
    const earlier = createReleasedSums();
    earlier.add(told);
    const layout = compileLayout({ query: query(bySector), assets: six, attributes, withSquares: true });
    expect(layout.components.map(({ word }) => word.kind)).toEqual(["moment", "squares", "magnitudes"]);
    const cells = bySector ? [values.slice(0, 3), values.slice(3)] : [values];
    const words = cells.flatMap((held) => {
      const sum = held.reduce((total, value) => total + BigInt(value), 0n);
      const squares = held.reduce((total, value) => total + BigInt(value) ** 2n, 0n);
      // The output may be negative by its bounds; here it is not, so that magnitudes are the sum.
      return layout.components.flatMap(({ word, words: width }) => [
        word.kind === "squares" ? squares : sum,
        ...(width === 2 ? [0n] : []),
      ]);
    });
    const { outcome } = resultOf({
      opened: {
        request: "r",
        computation: "c",
        receiver: "bureau",
        constants: { need: 3, minimumUnits: 0, colluders: 0 },
        cells: { mode: "registry", dimensions: layout.dimensions },
      },
      layout,
      assets: six,
      parties: { attributes: Object.fromEntries(members.map((one, index) => [one, { sector: sectorOf(index) }])) },
      decoded: {
        computation: "c",
        survivors: members,
        cells: cells.map(({ length }, atom) => ({ atom, organisations: length })),
        words: BigUint64Array.from(words),
        complements: [],
        transcriptDigest: "A".repeat(43),
      },
      dropped: 0,
      earlier,
      output,
      solver,
      ...change,
    } as unknown as OutcomeInputs);
    const figures = figuresIn(outcome);
    // As a store gives them back.
    return { figures, outcome, earlier: { equations: JSON.parse(JSON.stringify(outcome.equations)) as SumEquation[] } };
  }

  test("a sum of mostly one is withheld by its rule, and the document says which rules there were", () => {
    const { figures, outcome } = judged([4000, 3000, 3000, 9000, 500, 500], true, NOTHING);
    expect(figures).toEqual(["10", "dominance"]);
    expect(outcome).toMatchObject({ kind: "released", document: { outputRules: output, withheldCells: 1 } });
  });

  test("a total that leaves such a rest is withheld afterwards, and so is the part where the total came first", () => {
    const held = [4000, 3000, 3000, 9000, 500, 500];
    const table = judged(held, true, NOTHING);
    expect(judged(held, false, table.earlier).figures).toEqual(["protection-interval"]);
    const total = judged(held, false, NOTHING);
    expect(total.figures).toEqual(["20"]);
    const part = judged(held, true, total.earlier);
    expect([part.outcome.kind, part.figures]).toEqual(["withheld", ["protection-interval", "dominance"]]);
  });

  test("where two parts are withheld their total tells neither", () => {
    const held = [8000, 1200, 800, 8000, 1000, 1000];
    const table = judged(held, true, NOTHING);
    expect(table.figures).toEqual(["dominance"]);
    expect(judged(held, false, table.earlier).figures).toEqual(["20"]);
  });

  test("what is withheld is the same where figures are rounded, and the total is that of the rounded parts", () => {
    const rounding = [{ element: "output", base: "7" }];
    const rounded = (share: string) => ({
      output: strictestOutput([outputTerms({ dominance: [{ largest: "1", percent: share }], rounding })]),
    });
    const held = [4000, 3000, 3000, 9000, 500, 500];
    const table = judged(held, true, NOTHING, rounded("60"));
    expect(table.figures).toEqual(["7", "dominance"]);
    expect(judged(held, false, table.earlier, rounded("60")).figures).toEqual(["protection-interval"]);
    const even = judged(held, true, NOTHING, rounded("95"));
    expect(even.figures).toEqual(["7", "7"]);
    expect(judged(held, false, even.earlier, rounded("95")).figures).toEqual(["14"]);
    expect(judged(held, true, NOTHING, rounded("95")).figures).toEqual(["7", "7"]);
  });

  test("what cannot be judged in time, or at all, is withheld", () => {
    const held = [4000, 3000, 3000, 4000, 3000, 3000];
    expect(judged(held, true, NOTHING, { isLate: () => true }).figures).toEqual(["protection-interval"]);
    const uneven = [4000, 3000, 3000, 9000, 500, 500];
    const table = judged(uneven, true, NOTHING);
    const without = { solver: undefined } as unknown as Partial<OutcomeInputs>;
    expect(judged(uneven, false, table.earlier, without).figures).toEqual(["protection-interval"]);
    const even = judged(held, true, NOTHING);
    expect([even.figures, judged(held, false, even.earlier).figures]).toEqual([["10", "10"], ["20"]]);
    const forgotten = { equations: table.earlier.equations.map(({ facts: _facts, ...rest }) => rest) };
    expect(judged(held, false, forgotten).figures).toEqual(["protection-interval"]);
  });
});

describe("with rounded figures", () => {
  const output = strictestOutput([outputTerms({ rounding: [{ base: "5" }, { element: "output", base: "10" }] })]);
  let solver: Solver;
  beforeAll(async () => {
    solver = await loadSolver();
  });

  /** Five organisations in one cell for each year; `sums` per year in thousandths, `rows` per year. */
  function rounded(
    byYear: boolean,
    told: ResultSums,
    { sums, rows = [] }: { readonly sums: readonly number[]; readonly rows?: readonly number[] },
    change: Partial<OutcomeInputs> = {},
  ) {
    const measures: Query["measures"] =
      rows.length === 0 ? OUTPUT : [...OUTPUT, { id: "mean", statistic: { kind: "mean", element: "output" } }];
    const layout = compileLayout({
      query: { measures, groupBy: byYear ? [{ element: "year" }] : [], filters: [] },
      assets,
      attributes: {},
    });
    const earlier = createReleasedSums();
    earlier.add(told);
    const of = (values: readonly number[]) => (byYear ? values : [values.reduce((sum, one) => sum + one, 0)]);
    const [values, counts] = [of(sums), of(rows)];
    const words = values.flatMap((value, atom) =>
      layout.components.flatMap(({ word, words: width }) => [
        BigInt(word.kind === "moment" && word.factors.length === 0 ? counts[atom]! : value),
        ...(width === 2 ? [0n] : []),
      ]),
    );
    const { outcome } = resultOf({
      opened: {
        request: "r",
        computation: "c",
        receiver: "bureau",
        constants: { need: 3, minimumUnits: 0, colluders: 0 },
        cells: { mode: "registry", dimensions: layout.dimensions },
      },
      layout,
      assets,
      parties: { attributes: {} },
      decoded: {
        computation: "c",
        survivors,
        cells: values.map((_, atom) => ({ atom, organisations: 5 })),
        words: BigUint64Array.from(words),
        complements: [],
        transcriptDigest: "A".repeat(43),
      },
      dropped: 0,
      earlier,
      output,
      solver,
      ...change,
    } as unknown as OutcomeInputs);
    const equations = JSON.parse(JSON.stringify(outcome.equations)) as SumEquation[];
    return { figures: figuresIn(outcome), outcome, earlier: { equations } };
  }
  const SUMS = [14_000, 14_000, 14_000];

  test("years add up to a total that was told before, and a total to years that were", () => {
    expect(rounded(true, NOTHING, { sums: SUMS }).figures).toEqual(["10", "10", "10"]);
    const total = rounded(false, NOTHING, { sums: SUMS });
    expect(total.figures).toEqual(["40"]);
    const after = rounded(true, total.earlier, { sums: SUMS }).figures.map(Number);
    expect(after.reduce((sum, one) => sum + one, 0)).toBe(40);
    expect(new Set(after)).toEqual(new Set([10, 20]));
    const years = rounded(true, NOTHING, { sums: [14_000, 14_000, 13_000] });
    expect(years.figures).toEqual(["10", "10", "10"]);
    // Told as thirty in parts: the total is one of the two multiples beside 41 only if the parts leave that, and they do not.
    expect(rounded(false, years.earlier, { sums: [14_000, 14_000, 13_000] }).figures).toEqual(["30"]);
  });

  test("a sum is told as it was told before, whatever is beside it, and rounded further from that under a larger base", () => {
    const total = rounded(false, NOTHING, { sums: SUMS });
    const table = rounded(true, total.earlier, { sums: SUMS });
    expect(rounded(true, table.earlier, { sums: SUMS }).figures).toEqual(table.figures);
    const wider = { output: strictestOutput([outputTerms({ rounding: [{ element: "output", base: "25" }] })]) };
    const told = rounded(false, NOTHING, { sums: [37_000, 1_000, 0] });
    expect(told.figures).toEqual(["40"]);
    // 38 alone goes to 50 as well; 12.6 goes to 10, and 10 to nothing where 12.6 would go to 25.
    expect(rounded(false, told.earlier, { sums: [37_000, 1_000, 0] }, wider).figures).toEqual(["50"]);
    const small = rounded(false, NOTHING, { sums: [12_600, 0, 0] });
    expect(rounded(false, small.earlier, { sums: [12_600, 0, 0] }, wider).figures).toEqual(["0"]);
    expect(rounded(false, NOTHING, { sums: [12_600, 0, 0] }, wider).figures).toEqual(["25"]);
  });

  test("means are of rounded sums over rounded counts", () => {
    const { figures } = rounded(false, NOTHING, { sums: SUMS, rows: [7, 7, 9] });
    expect(figures).toEqual(["40", "1.6"]);
    expect(rounded(false, NOTHING, { sums: SUMS, rows: [1, 1, 0] }).figures[0]).toBe("40");
  });

  test("the document says what is rounded to what", () => {
    const { outcome } = rounded(true, NOTHING, { sums: SUMS });
    expect(outcome).toMatchObject({ kind: "released", document: { outputRules: { rounding: output.rounding } } });
  });

  test("without a solver figures are multiples all the same", () => {
    const total = rounded(false, NOTHING, { sums: SUMS });
    const without = { solver: undefined } as unknown as Partial<OutcomeInputs>;
    expect(rounded(true, total.earlier, { sums: SUMS }, without).figures).toEqual(["10", "10", "10"]);
  });
});

describe("with totals", () => {
  const attributes = { sector: ["paper", "metals"], size: ["small", "large"] };
  const TABLE: Query["groupBy"] = [{ attribute: "sector" }, { attribute: "size" }];
  let solver: Solver;
  beforeAll(async () => {
    solver = await loadSolver();
  });

  /** The first two years are a level. */
  function levelled(asset: ReturnType<typeof assetOf>) {
    const { codeTable } = asset.fields.find(({ element }) => element === "year")!;
    const table = asset.codeTables[codeTable!]!;
    const [first, second, ...others] = table;
    const pair = [first!, second!].map(({ code }) => ({ code, within: "pair" }));
    return { ...asset, codeTables: { ...asset.codeTables, [codeTable!]: [{ code: "pair" }, ...pair, ...others] } };
  }

  /** By sector, then size, then organisation, in thousandths; with `byYear` each value is that of the first year, and half of it is in the second. */
  function table(
    values: readonly (readonly (readonly number[])[])[],
    change: Partial<OutcomeInputs> = {},
    { groupBy = TABLE, told = NOTHING }: { readonly groupBy?: Query["groupBy"]; readonly told?: ResultSums } = {},
  ) {
    const placed = values.flatMap((sizes, sector) =>
      sizes.flatMap((held, size) => held.map((value) => ({ sector, size, value }))),
    );
    const all = placed.map((_, index) => assetOf(index, 30)).map(levelled);
    const members = all.map(({ provider }) => provider);
    const query: Query = { measures: OUTPUT, groupBy, filters: [], totals: true };
    const withSquares = (change.output?.dominance.length ?? 0) > 0;
    const layout = compileLayout({ query, assets: all, attributes, withSquares });
    const registry = Object.fromEntries(
      members.map((one, index) => [
        one,
        { sector: attributes.sector[placed[index]!.sector]!, size: attributes.size[placed[index]!.size]! },
      ]),
    );
    const years = layout.domains.find(({ name }) => name === "year")?.codes ?? [""];
    const cells: { atom: number; organisations: number }[] = [];
    const words: bigint[] = [];
    for (let atom = 0; atom < layout.atoms; atom++) {
      const codes = atomCodes(layout, atom);
      const code = (name: string) => codes[layout.domains.findIndex((domain) => domain.name === name)];
      const shares = years.indexOf(code("year") ?? "") <= 0 ? 1 : 2;
      const held = members.flatMap((one, index) => {
        const isIn = (["sector", "size"] as const).every(
          (name) => (code(name) ?? registry[one]![name]) === registry[one]![name],
        );
        return isIn ? [BigInt(placed[index]!.value / shares)] : [];
      });
      if (held.length < 3) continue;
      cells.push({ atom, organisations: held.length });
      const total = held.reduce((sum, one) => sum + one, 0n);
      for (const { word, words: width } of layout.components) {
        words.push(word.kind === "squares" ? held.reduce((sum, one) => sum + one * one, 0n) : total);
        if (width === 2) words.push(0n);
      }
    }
    const earlier = createReleasedSums();
    earlier.add(told);
    const { outcome } = resultOf({
      opened: {
        request: "r",
        computation: "c",
        receiver: "bureau",
        constants: { need: 3, minimumUnits: 0, colluders: 0 },
        cells: { mode: "registry", dimensions: layout.dimensions },
      },
      layout,
      assets: all,
      parties: { attributes: registry },
      decoded: {
        computation: "c",
        survivors: members,
        cells,
        words: BigUint64Array.from(words),
        complements: [],
        transcriptDigest: "A".repeat(43),
      },
      dropped: 0,
      earlier,
      groups: {},
      output: strictestOutput([]),
      solver,
      ...change,
    } as unknown as OutcomeInputs);
    figuresIn(outcome);
    const shown = outcome.kind === "withheld" ? [] : outcome.document.cells;
    const figures = Object.fromEntries(
      shown.map(({ group, value, withheld }) => [
        groupBy.map((one) => group["attribute" in one ? one.attribute : one.element] ?? "*").join("/"),
        withheld === undefined ? value : "-",
      ]),
    );
    return { figures, outcome, earlier: { equations: JSON.parse(JSON.stringify(outcome.equations)) as SumEquation[] } };
  }
  const even = (value: number) => [value, value, value, value];
  const dominance = { output: strictestOutput([outputTerms({ dominance: [{ largest: "1", percent: "60" }] })]) };

  test("rows, columns and everything are published beside the cells", () => {
    const { figures, outcome } = table([
      [even(1000), even(2000)],
      [even(3000), even(4000)],
    ]);
    expect(figures).toEqual({
      "paper/small": "4",
      "paper/large": "8",
      "metals/small": "12",
      "metals/large": "16",
      "paper/*": "12",
      "metals/*": "28",
      "*/small": "16",
      "*/large": "24",
      "*/*": "40",
    });
    expect(outcome.withheldFigures).toEqual([]);
  });

  test("safe margins of two registry attributes do not withhold each other under rules about the largest", () => {
    const { figures } = table(
      [
        [even(1000), even(2000)],
        [even(3000), even(4000)],
      ],
      dominance,
    );
    expect(Object.values(figures)).not.toContain("-");
  });

  test("a margin over a cell that was left out is not there; over one that nobody is in it is", () => {
    const small = table([
      [even(1000), [500, 500]],
      [even(3000), even(4000)],
    ]);
    expect(small.figures).toMatchObject({
      "paper/large": "-",
      "paper/*": "-",
      "*/large": "-",
      "*/*": "-",
      "*/small": "16",
    });
    const empty = table([
      [even(1000), []],
      [even(3000), even(4000)],
    ]);
    expect(empty.figures).toMatchObject({ "paper/large": "-", "paper/*": "4", "*/large": "16", "*/*": "32" });
  });

  test("a dominated cell is withheld with cells of its row and its column, and no margin tells it", () => {
    const values = [
      [[9000, 500, 500, 500], even(2000)],
      [even(3000), even(4000)],
    ];
    const { figures, outcome } = table(values, dominance);
    const cells = ["paper/small", "paper/large", "metals/small", "metals/large"].map((one) => figures[one]);
    expect(figures["paper/small"]).toBe("-");
    // Of two by two every cell goes, and margins where one contributor alone would come too close.
    expect(cells).toEqual(["-", "-", "-", "-"]);
    expect(figures["*/*"]).toBe("46.5");
    expect(Object.values(figures).filter((one) => one !== "-").length).toBeGreaterThanOrEqual(3);
    expect(
      outcome.withheldFigures.find(({ group }) => group.sector === "paper" && group.size === "small")?.rules[0],
    ).toBe("dominance");
    const alone = { groupBy: [{ attribute: "sector" }] as Query["groupBy"] };
    expect(table(values, dominance, alone).figures).toEqual({ paper: "18.5", metals: "28", "*": "46.5" });
  });

  test("squares over codes are bounded from above: an organisation that dominates over all years does in the total", () => {
    const years = { groupBy: [{ element: "year" }] as Query["groupBy"] };
    const steady = table(
      [
        [[5500, 1000, 1000, 1000], even(500)],
        [[], []],
      ],
      dominance,
      years,
    );
    expect(steady.figures["*"]).not.toBe("-");
    const large = table(
      [
        [[9000, 500, 500, 500], even(500)],
        [[], []],
      ],
      dominance,
      years,
    );
    expect(large.outcome.kind).toBe("withheld");
  });

  test("a level is the sum of its codes, and the total of the levels", () => {
    const years = { groupBy: [{ element: "year" }] as Query["groupBy"] };
    const { figures } = table(
      [
        [even(1000), even(500)],
        [[], []],
      ],
      dominance,
      years,
    );
    expect(figures).toEqual({ "2021": "6", "2022": "3", "2023": "3", pair: "9", "*": "12" });
    const large = table(
      [
        [[9000, 500, 500, 500], even(4000)],
        [[], []],
      ],
      { output: strictestOutput([outputTerms({ dominance: [{ largest: "1", percent: "30" }] })]) },
      years,
    );
    const { pair, "*": total } = large.figures;
    // Every year is dominated; a level or a total that were told would be more of the same one.
    expect([large.outcome.kind === "withheld" || (pair === "-" && total === "-")]).toEqual([true]);
  });

  test("a later request of what a table withheld stays withheld, and of what it told is the same", () => {
    const values = [
      [[9000, 500, 500, 500], even(2000)],
      [even(3000), even(4000)],
    ];
    const first = table(values, dominance);
    const again = table(values, dominance, { told: first.earlier });
    for (const cell of ["paper/small", "paper/large", "metals/small", "metals/large"])
      expect(again.figures[cell] ?? "-").toBe("-");
  });

  test("rounded tables add up", () => {
    const rounding = [{ element: "output", base: "5" }];
    const output = strictestOutput([outputTerms({ rounding })]);
    const { figures } = table(
      [
        [even(1000), even(2000)],
        [even(3000), even(4000)],
      ],
      { output },
    );
    const of = (name: string) => Number(figures[name]);
    expect(of("paper/small") + of("paper/large")).toBe(of("paper/*"));
    expect(of("paper/small") + of("metals/small")).toBe(of("*/small"));
    expect(of("paper/*") + of("metals/*")).toBe(of("*/*"));
    expect(of("*/small") + of("*/large")).toBe(of("*/*"));
  });
});
