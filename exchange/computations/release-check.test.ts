import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { Ranges } from "./record-ranges.ts";
import { type CodeDomains, MAX_FAMILY_CELLS, relationsOf } from "./record-relations.ts";
import { checkRelease, type SumEquation } from "./release-check.ts";

const YEARS = ["2022", "2023", "2024"];
const MEMBERS = ["a", "b", "c", "d", "e"];
const domains: CodeDomains = new Map([
  ["year", new Set(YEARS)],
  ["region", new Set(["east", "west"])],
]);
const filter = (values: readonly string[], operator = "isAnyOf") => ({ element: "year", operator, values });
const record = (cell: readonly object[], filters: readonly object[] = [], element = "output"): string =>
  canonicalJson({ word: { kind: "moment", factors: [element], complete: [element] }, filters, period: null, cell });
const sum = (id: string, of: string, contributors: readonly string[] = MEMBERS): SumEquation => ({
  id,
  record: of,
  contributors,
});
const yearly = (years: readonly string[], prefix = "") =>
  years.map((year) => sum(`${prefix}${year}`, record([{ year }])));
const total = sum("total", record([]));
const check = (inputs: Partial<Parameters<typeof checkRelease>[0]>) =>
  checkRelease({ earlier: [], candidates: [], leftOut: [], ruledOut: [], domains, colluders: 0, ...inputs });
const asEarlier = (equations: readonly SumEquation[]) => equations.map((one) => ({ ...one, id: `earlier/${one.id}` }));

describe("a table by year with a withheld year and a total over all years", () => {
  const [first, second, third] = yearly(YEARS) as [SumEquation, SumEquation, SumEquation];

  test("the total is withheld when the table came first", () => {
    const table = check({ candidates: [second, third], leftOut: [first] });
    expect(table.withheld).toEqual([]);
    expect(check({ earlier: asEarlier(table.equations), candidates: [total] }).withheld).toEqual(["total"]);
  });

  test("one more year is withheld when the total came first", () => {
    const earlier = asEarlier(check({ candidates: [total] }).equations);
    const { withheld, equations } = check({ earlier, candidates: [second, third], leftOut: [first] });
    expect(withheld).toEqual(["2023"]);
    expect(equations.filter((one) => one.withheld !== true).map(({ id }) => id)).toEqual(["2024"]);
  });

  test("so it is for a year that an output rule withheld", () => {
    const earlier = asEarlier(check({ candidates: [total] }).equations);
    expect(check({ earlier, candidates: [second, third], ruledOut: [first] }).withheld).toEqual(["2023"]);
  });

  test("what was withheld for that reason does not come out through a filter later", () => {
    const sofar = asEarlier(check({ candidates: [total] }).equations);
    const table = asEarlier(check({ earlier: sofar, candidates: [second, third], leftOut: [first] }).equations);
    const later = (id: string, filters: readonly object[]) =>
      check({ earlier: [...sofar, ...table], candidates: [sum(id, record([], filters))] }).withheld;
    expect(later("hidden year", [filter(["2022"], "eq")])).toEqual(["hidden year"]);
    expect(later("hidden and released year", [filter(["2022", "2024"])])).toEqual(["hidden and released year"]);
    expect(later("released year", [filter(["2024"], "eq")])).toEqual([]);
  });

  test("with every year released the total follows and is released", () => {
    const earlier = asEarlier(check({ candidates: [first, second, third] }).equations);
    expect(check({ earlier, candidates: [total] }).withheld).toEqual([]);
  });

  test("another statistic has nothing to do with it", () => {
    const earlier = asEarlier(check({ candidates: [second, third], leftOut: [first] }).equations);
    expect(check({ earlier, candidates: [sum("tax", record([], [], "tax"))] }).withheld).toEqual([]);
  });
});

test("totals of different organisations do not open one of them through the years", () => {
  const earlier = asEarlier(check({ candidates: yearly(YEARS) }).equations);
  const four = sum("four of five", record([]), MEMBERS.slice(0, 4));
  expect(check({ earlier, candidates: [four] }).withheld).toEqual(["four of five"]);
});

test("what an earlier statistic told cannot be hidden, and stops nothing else", () => {
  const [first, second] = yearly(YEARS) as [SumEquation, SumEquation];
  const earlier = asEarlier(check({ candidates: [first] }).equations);
  const { withheld, equations } = check({ earlier, candidates: [second], ruledOut: [first] });
  expect(withheld).toEqual([]);
  expect(equations.map(({ id }) => id)).toEqual(["2023"]);
});

test("what a release that is withheld as a whole would have told is known to later ones, and withholds no other", () => {
  const [first, second, third] = yearly(YEARS) as [SumEquation, SumEquation, SumEquation];
  const earlier = asEarlier(check({ candidates: [first, second, third] }).equations);
  const facts = { organisations: 5, total: "9", squares: "40" };
  const tax = { ...sum("tax", record([], [], "tax")), facts };
  const blocked = check({ earlier, candidates: [second, tax], leftOut: [first] });
  expect(blocked.withheld).toEqual(["2023", "tax"]);
  expect(blocked.equations).toContainEqual({ ...tax, withheld: true });
  const later = [...earlier, ...asEarlier(blocked.equations)];
  const land = sum("land", record([], [], "land"));
  expect(check({ earlier: later, candidates: [total, second, land] }).withheld).toEqual([]);
});

test("the order of dimensions does not make another cell", () => {
  const rows = ["east", "west"].flatMap((region) =>
    YEARS.map((year) => sum(`${region} ${year}`, record([{ year }, { region }]))),
  );
  const [hidden, ...rest] = rows as [SumEquation, ...SumEquation[]];
  const earlier = asEarlier(check({ candidates: rest, leftOut: [hidden] }).equations);
  const turned = sum("turned", record([{ region: "east" }, { year: "2022" }]));
  expect(check({ earlier, candidates: [turned] }).withheld).toEqual(["turned"]);
  expect(check({ earlier, candidates: [sum("east", record([{ region: "east" }]))] }).withheld).toEqual(["east"]);
  expect(check({ earlier, candidates: [sum("west", record([{ region: "west" }]))] }).withheld).toEqual([]);
});

test("the cells of a large table are checked one by one", () => {
  const codes = Array.from({ length: MAX_FAMILY_CELLS + 1 }, (_, i) => `c${i}`);
  const cells = codes.map((code) => sum(code, record([{ year: code }])));
  const [hidden, small, ...rest] = cells as [SumEquation, SumEquation, ...SumEquation[]];
  const alone = { ...small, contributors: ["a"] };
  const { withheld, equations } = check({ candidates: [alone, ...rest], leftOut: [hidden] });
  expect(withheld).toEqual([small.id]);
  expect(equations.filter((one) => one.withheld !== true)).toHaveLength(rest.length);
});

test("a family with too many cells releases nothing", () => {
  const wide = (name: string) => [name, new Set(Array.from({ length: 200 }, (_, i) => `${name}${i}`))] as const;
  const large = new Map([wide("x"), wide("y")]);
  const tables = ["x", "y"].flatMap((name) =>
    [...large.get(name)!].map((code) => sum(code, record([{ [name]: code }]))),
  );
  expect(200 * 200).toBeGreaterThan(MAX_FAMILY_CELLS);
  expect(
    relationsOf(
      tables.map((one) => one.record),
      { domains: large },
    ),
  ).toBeUndefined();
  expect(check({ candidates: tables, domains: large }).withheld).toHaveLength(400);
});

describe("code tables of cohorts differ", () => {
  const [first, second, third] = yearly(YEARS) as [SumEquation, SumEquation, SumEquation];
  const others = ["d", "e", "v", "w", "x"];
  const longer = new Map([...domains, ["year", new Set([...YEARS, "2025"])]]);
  const codes = { region: ["east", "west"], year: [...YEARS, "2025"] };
  const theirs = check({
    candidates: [...YEARS, "2025"].map((year) => sum(year, record([{ year }]), others)),
    domains: longer,
  });
  const before = theirs.equations.map((one) => ({ ...one, id: `theirs/${one.id}`, codes }));

  test("a year that only others have does not hide that a total gives a withheld year away", () => {
    const table = check({ earlier: before, candidates: [second, third], leftOut: [first] });
    expect(table.withheld).toEqual([]);
    expect(table.equations.map((one) => one.record)).toEqual([second.record, third.record, first.record]);
    const earlier = [...before, ...asEarlier(table.equations)];
    expect(check({ earlier, candidates: [total] }).withheld).toEqual(["total"]);
  });

  test("a total under a longer table is still compared with one under the shorter", () => {
    const earlier = [sum("theirs", record([]))].map((one) => ({ ...one, codes }));
    expect(check({ earlier, candidates: [sum("four", record([]), MEMBERS.slice(0, 4))] }).withheld).toEqual(["four"]);
  });

  test("the same year is the same sum in both", () => {
    const four = sum("four", first.record, others.slice(0, 4));
    expect(check({ earlier: before, candidates: [four] }).withheld).toEqual(["four"]);
  });
});

describe("classes of a number", () => {
  const classes = (cut: string, codes: readonly string[], contributors = MEMBERS): readonly SumEquation[] =>
    codes.map((code) => {
      const { cell: _cell, ...parts } = JSON.parse(record([])) as { readonly cell: unknown };
      return sum(
        `${cut} ${code}`,
        canonicalJson({ ...parts, cell: [{ size: code }], cuts: { size: cut } }),
        contributors,
      );
    });
  const [small, large] = classes("halves", ["from0..10", "from10..20"]) as [SumEquation, SumEquation];
  const wider = ["from0..5", "from5..30"];

  test("another cut by others does not hide that a total gives a withheld class away", () => {
    const others = ["v", "w", "x", "y", "z"];
    const bridge = sum("bridge", record([]), ["d", "e", "v", "w"]);
    const before = check({ candidates: [...classes("wider", wider, others), bridge] });
    const table = check({ earlier: asEarlier(before.equations), candidates: [large], leftOut: [small] });
    const earlier = asEarlier([...before.equations, ...table.equations]);
    expect(check({ earlier, candidates: [total] }).withheld).toEqual(["total"]);
  });

  test("nor does another cut by the same organisations", () => {
    const [low, high] = classes("wider", wider) as [SumEquation, SumEquation];
    const table = check({ candidates: [large], leftOut: [small] });
    const earlier = asEarlier(table.equations);
    expect(check({ earlier, candidates: [low, high] }).withheld).toHaveLength(1);
    expect(check({ earlier, candidates: [low], leftOut: [high] }).withheld).toEqual([]);
  });

  test("a class that two cuts share is one sum", () => {
    const [again] = classes("thirds", ["from0..10", "from10..15", "from15..20"]) as [SumEquation];
    const earlier = asEarlier(check({ candidates: [large], leftOut: [small] }).equations);
    expect(check({ earlier, candidates: [again] }).withheld).toEqual([again.id]);
  });

  test("cuts of organisations that share no sum are not multiplied", () => {
    const many = (from: number) => Array.from({ length: 200 }, (_, i) => `from${from + i}..${from + i + 1}`);
    const earlier = asEarlier(check({ candidates: classes("one", many(0), ["v", "w", "x"]) }).equations);
    expect(check({ earlier, candidates: classes("two", many(1000)) }).withheld).toEqual([]);
  });
});

test("sums that leave one holding group between them are not both told, though two of its members are in them", () => {
  const earlier = asEarlier([sum("one", record([]), ["a", "b", "c", "d"])]);
  const other = sum("other", record([]), ["e", "b", "c", "d"]);
  expect(check({ earlier, candidates: [other] }).withheld).toEqual([]);
  expect(check({ earlier, candidates: [other], groups: { a: "group", e: "group" } }).withheld).toEqual(["other"]);
});

describe("periods and ranges", () => {
  const RANGES: Ranges = {
    elements: new Map([["staff", { scale: 0, least: 0n, most: 1000n }]]),
    period: { range: { scale: 0, least: day("2025-01-01"), most: day("2025-12-31") } },
  };
  function day(date: string): bigint {
    return BigInt(Date.parse(date) / 86_400_000);
  }
  const over = (from: string, to: string, names = MEMBERS): SumEquation => {
    const { period: _period, ...parts } = JSON.parse(record([])) as { readonly period: unknown };
    return sum(`${from} to ${to}`, canonicalJson({ ...parts, period: { from, to } }), names);
  };
  const between = (from: number, to: number, names = MEMBERS): SumEquation => {
    const { filters: _filters, ...parts } = JSON.parse(record([])) as { readonly filters: unknown };
    const filters = [
      { element: "staff", operator: "gteq", values: [`${from}`] },
      { element: "staff", operator: "lteq", values: [`${to}`] },
    ];
    return sum(`${from} to ${to}`, canonicalJson({ ...parts, filters }), names);
  };
  const withRanges = (inputs: Partial<Parameters<typeof checkRelease>[0]>) => check({ ranges: RANGES, ...inputs });
  const earlierOf = (inputs: Partial<Parameters<typeof checkRelease>[0]>) => asEarlier(withRanges(inputs).equations);
  const [year, most, last] = [
    over("2025-01-01", "2025-12-31"),
    over("2025-01-01", "2025-11-30"),
    over("2025-12-01", "2025-12-31"),
  ];

  test("a year less its first eleven months is the twelfth: where that is withheld, one of the two is", () => {
    const earlier = earlierOf({ candidates: [year], ruledOut: [last] });
    expect(withRanges({ earlier, candidates: [most] }).withheld).toEqual([most.id]);
    expect(withRanges({ earlier, candidates: [over("2025-01-01", "2025-10-31")] }).withheld).toEqual([]);
    // The whole of what the assets cover is a year too.
    const total = earlierOf({ candidates: [sum("total", record([]))], ruledOut: [last] });
    expect(withRanges({ earlier: total, candidates: [most] }).withheld).toEqual([most.id]);
  });

  test("a period more over the same organisations is told, and not with one more of them", () => {
    const earlier = earlierOf({ candidates: [most, year] });
    expect(withRanges({ earlier, candidates: [last] }).withheld).toEqual([]);
    const more = over("2025-12-01", "2025-12-31", [...MEMBERS, "z"]);
    expect(withRanges({ earlier, candidates: [more] }).withheld).toEqual([more.id]);
  });

  test("classes of a number that leave nothing between them are complements", () => {
    const [small, large] = [between(0, 299), between(300, 1000)];
    const earlier = earlierOf({ candidates: [sum("total", record([]))], ruledOut: [large] });
    expect(withRanges({ earlier, candidates: [small] }).withheld).toEqual([small.id]);
    expect(withRanges({ earlier, candidates: [between(0, 298)] }).withheld).toEqual([]);
    const middle = earlierOf({ candidates: [sum("total", record([])), between(500, 1000)], ruledOut: [small] });
    expect(withRanges({ earlier: middle, candidates: [between(300, 499)] }).withheld).toEqual(["300 to 499"]);
  });

  test("classes are taken for the total only where they hold all that is declared", () => {
    const classes = { candidates: [between(0, 299), between(300, 1000)], ruledOut: [sum("total", record([]))] };
    expect(withRanges(classes).withheld).toHaveLength(1);
    expect(check(classes).withheld).toEqual([]);
    const few = { candidates: [between(0, 299), between(300, 999)], ruledOut: [sum("total", record([]))] };
    expect(withRanges(few).withheld).toEqual([]);
  });

  test("what assets covered before, and do not now, stays hidden as well", () => {
    const before = [
      over("2024-01-01", "2025-06-30"),
      over("2024-01-01", "2024-12-31"),
      over("2025-01-01", "2025-06-30"),
    ];
    const [both, gone, half] = before as [SumEquation, SumEquation, SumEquation];
    const earlier = asEarlier([both, { ...gone, withheld: true }]);
    expect(withRanges({ earlier, candidates: [half] }).withheld).toEqual([half.id]);
  });

  test("months of many codes are not multiplied", () => {
    const codes = Array.from({ length: 300 }, (_, code) => `c${code}`);
    const large = new Map([["product", new Set(codes)]]);
    const month = (at: number) => `2025-${String(at).padStart(2, "0")}`;
    const table = (at: number): readonly SumEquation[] =>
      codes.map((product) => {
        const parts = JSON.parse(record([{ product }])) as object;
        const period = { from: `${month(at)}-01`, to: `${month(at)}-28` };
        return sum(`${at} ${product}`, canonicalJson({ ...parts, period }));
      });
    const tables = Array.from({ length: 12 }, (_, at) => table(at + 1));
    const january = sum("january", over("2025-01-01", "2025-01-28").record);
    const earlier = asEarlier([...tables.slice(0, 11).flat(), january]);
    expect(300 * 12 * 2).toBeLessThan(MAX_FAMILY_CELLS);
    expect(withRanges({ domains: large, earlier, candidates: tables[11]! }).withheld).toEqual([]);
    const years = [...earlier, ...asEarlier([over("2024-01-01", "2024-12-31")])];
    expect(withRanges({ domains: large, earlier: years, candidates: tables[11]! }).withheld).toEqual([]);
  });
});
