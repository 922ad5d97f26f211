import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WITHHELD } from "../../ledger/audit/result.ts";
import type { TrustFile } from "../../ledger/audit/trust.ts";
import type { Surroundings } from "../cli/surroundings.ts";
import { createTexts } from "../i18n/text.ts";
import { type Equation, isolates, solve } from "./_attacker.ts";
import { type Cell, cellsOf, equationsOf, holderOf, type Row, rowsOf, scaled, sumOver } from "./_published.ts";
import { readTables } from "./compare.ts";
import { type DemoOptions, type FinishedDemo, runDemo } from "./demo.ts";
import { closingText, isGood, requestText } from "./report.ts";
import { loadScenario, type ScenarioName } from "./scenario.ts";

const surroundings: Surroundings = {
  env: {},
  cwd: ".",
  fetch,
  interactive: false,
  signal: new AbortController().signal,
  onReload: () => () => undefined,
  write: () => undefined,
  now: () => Date.now(),
};

const demo = (scenario: ScenarioName, options: Partial<DemoOptions> = {}): Promise<FinishedDemo> =>
  runDemo(
    { scenario, processes: false, suite: "intl", surroundings, ...options },
    (_name, _detail, work) => work(() => undefined),
    () => undefined,
  );

/** All tables of one demonstration, as an attacker reads them together. */
interface Tables {
  readonly rows: readonly Row[];
  readonly released: readonly Cell[];
  readonly withheld: readonly Cell[];
  readonly organisations: readonly string[];
  readonly equations: readonly Equation[];
}

async function publishedBy({ report, scenario }: FinishedDemo): Promise<Tables> {
  const rows = rowsOf(await readTables(scenario));
  const cells = (isReleased: boolean) =>
    report.requests.flatMap(({ id, cells }) =>
      cellsOf(
        scenario.requests.find((request) => request.id === id)!,
        cells.filter(({ value }) => (value !== null) === isReleased),
      ),
    );
  const released = cells(true);
  return {
    rows,
    released,
    withheld: cells(false),
    organisations: scenario.providers.map(({ id }) => id),
    equations: equationsOf(rows, released),
  };
}

/** Organisations about which alone the equations say anything, beside what each of `knowing` knows of itself. */
const isolated = ({ organisations }: Tables, equations: readonly Equation[], knowing: readonly string[] = []) =>
  organisations.filter((organisation) =>
    isolates(equations, {
      suspect: (name) => holderOf(name) === organisation,
      known: (name) => organisation !== holderOf(name) && knowing.includes(holderOf(name)),
    }),
  );

/** Withheld sums that the equations fix. */
const foundOut = ({ rows, withheld }: Tables, equations: readonly Equation[]): readonly Cell[] => {
  const solution = solve(equations);
  return withheld.filter((cell) =>
    equationsOf(rows, [cell]).some(({ terms }) => solution.determined(terms) !== undefined),
  );
};

/** Sum over a group in millionths, from the released tables and `told` alone. */
function solved(tables: Tables, told: readonly Equation[], cell: Equation): bigint | undefined {
  const found = solve([...tables.equations, ...told]).determined(cell.terms);
  return found === undefined ? undefined : found.numerator / found.denominator;
}

const figuresOf = ({ report }: FinishedDemo, request: string) =>
  report.requests
    .find(({ id }) => id === request)!
    .cells.map(({ group, measure, value, withheld }) => ({
      of: Object.values(group).join(),
      measure,
      is: withheld ?? value,
    }));

const allGood = ({ report, traffic }: FinishedDemo, bundles: number): void => {
  const refusals = report.scenario === "shaoxing" ? ["enforcement", "orders", "all-but-one"] : ["enforcement"];
  expect(report.requests.map(({ state }) => state)).toEqual([
    ...new Array(bundles).fill("released"),
    ...refusals.map(() => "refused"),
  ]);
  for (const { state, exact, cells } of report.requests.filter((request) => request.state === "released")) {
    expect([state, exact]).toEqual(["released", true]);
    const shown = cells.filter(({ withheld }) => withheld === undefined);
    expect(shown.map(({ value }) => value)).toEqual(shown.map(({ plain }) => plain));
    expect(shown.every(({ value }) => value !== null)).toBe(true);
  }
  const refused = report.requests.slice(bundles);
  expect(refused.map(({ id, cells }) => [id, cells])).toEqual(refusals.map((id) => [id, []]));
  expect(refused[0]).toMatchObject({
    reasons: ["purpose-not-allowed"],
    refusal: { verdicts: [{ reason: "purpose-not-allowed", compared: { got: "enforcement" } }] },
  });
  expect(report.evidence).toMatchObject({ bundles, verified: bundles });
  expect(report.messages).toBeGreaterThan(1000);
  expect(traffic.examples).toEqual([]);
  expect(report.leaks).toBe(0);
  expect(isGood(report)).toBe(true);
};

describe("Grunfeld", () => {
  let done: FinishedDemo;
  let tables: Tables;
  beforeAll(async () => {
    done = await demo("grunfeld");
    tables = await publishedBy(done);
  });
  afterAll(() => done?.network.close());
  const sector = (name: string) => sumOver(tables.rows, { sector: name }, ["investment"]);

  test("every released figure is exact, every bundle verified, nothing leaked, the other purpose refused", () => {
    allGood(done, 4);
    expect(done.report).toMatchObject({ scenario: "grunfeld", nodes: 14, searchedValues: 660 });
    const counts = done.report.requests.map(({ cells }) => cells.filter(({ value }) => value !== null).length);
    expect(counts).toEqual([60, 5, 1, 1, 0]);
  });

  test("the ministry's own list joined with the bureau's table gives exact sums, and no company's name or value travels", () => {
    expect(done.report.join).toMatchObject({
      state: "released",
      holder: "statistics-bureau",
      items: 11,
      exact: true,
      verified: true,
    });
    expect(done.report.join?.groups).toEqual([
      {
        group: { label: "metals-machinery" },
        keys: 6,
        figures: [
          { measure: "companies", value: "6" },
          { measure: "market-value", value: "12408.265" },
        ],
      },
      {
        group: { label: "other" },
        keys: 5,
        figures: [
          { measure: "companies", value: "5" },
          { measure: "market-value", value: "2018.32" },
        ],
      },
    ]);
  });

  test("the ministry's secret questions to the bureau are answered exactly, and their evidence verifies", () => {
    const { encrypted } = done.report;
    expect(encrypted).toMatchObject({ provider: "statistics-bureau", exact: true, verified: true });
    expect(encrypted?.figures).toEqual([
      { id: "position", value: "2407.099", plain: "2407.099" },
      { id: "score", value: "4210.0226", plain: "4210.0226" },
    ]);
  });

  test("sectors of fewer than five companies are withheld", () => {
    const rule = WITHHELD;
    expect(figuresOf(done, "investment-by-sector")).toEqual([
      { of: "chemicals", measure: "investment-total", is: rule },
      { of: "metals-machinery", measure: "investment-total", is: "25132.968" },
      { of: "office-machines", measure: "investment-total", is: rule },
      { of: "oil", measure: "investment-total", is: rule },
      { of: "rubber", measure: "investment-total", is: rule },
    ]);
  });

  test("an attacker's sums are the released ones", () => {
    const byYear = done.report.requests[0]!.cells.filter(({ measure }) => measure === "investment-total");
    expect(byYear).toHaveLength(20);
    for (const { group, value } of byYear) {
      expect(scaled(value!, 6)).toBe(sumOver(tables.rows, group, ["investment"]).value);
    }
    expect(scaled("25132.968", 6)).toBe(sector("metals-machinery").value);
  });

  test("all tables together fix no withheld sector and speak of no company alone, even to a competitor", () => {
    expect(tables.withheld).toHaveLength(4);
    expect(foundOut(tables, tables.equations)).toEqual([]);
    for (const competitor of tables.organisations) {
      expect([competitor, isolated(tables, tables.equations, [competitor])]).toEqual([competitor, []]);
    }
  });

  test("what all tables do give away together is the sum of the four withheld sectors, five companies", () => {
    const four = ["chemicals", "office-machines", "oil", "rubber"].map(sector);
    const together = { terms: new Map(four.flatMap(({ terms }) => [...terms])), value: 0n };
    expect(solved(tables, [], together)).toBe(four.reduce((total, { value }) => total + value, 0n));
  });

  test.each([
    ["rubber", "goodyear", 837_780_000n],
    ["chemicals", "diamond-match", 61_690_000n],
    ["office-machines", "ibm", 1_108_220_000n],
  ])("with the figure of %s the attacker has %s alone", (name, company, millionths) => {
    const told = sector(name);
    expect(told.value).toBe(millionths);
    expect(isolated(tables, [...tables.equations, told])).toEqual([company]);
    expect(foundOut(tables, [...tables.equations, told]).map(({ group }) => group)).toEqual([{ sector: name }]);
  });

  test("with three of the four the attacker works out the last, which nobody told", () => {
    const told = ["chemicals", "office-machines", "oil"].map(sector);
    expect(solved(tables, told.slice(1), sector("rubber"))).toBeUndefined();
    expect(solved(tables, told, sector("rubber"))).toBe(837_780_000n);
    expect(isolated(tables, [...tables.equations, ...told])).toEqual(["diamond-match", "goodyear", "ibm"]);
    // The two oil companies hide behind each other from everyone but each other.
    expect(isolated(tables, [...tables.equations, ...told], ["union-oil"])).toContain("atlantic-refining");
  });

  test("with a year's figure of one sector more the attacker has that year of its company", () => {
    const told = sumOver(tables.rows, { sector: "rubber", year: "1950" }, ["investment"]);
    expect(isolated(tables, [...tables.equations, told])).toEqual(["goodyear"]);
  });
});

describe("Shaoxing", () => {
  let done: FinishedDemo;
  let tables: Tables;
  beforeAll(async () => {
    done = await demo("shaoxing");
    tables = await publishedBy(done);
  });
  afterAll(() => done?.network.close());
  const industry = (code: string, element: string) => sumOver(tables.rows, { industry: code }, [element]);

  test("every released figure is exact, every bundle verified, nothing leaked, what must not be asked refused", () => {
    allGood(done, 2);
    expect(done.report).toMatchObject({ scenario: "shaoxing", nodes: 11, searchedValues: 64 });
  });

  test("a trade secret is refused by its column, the sums without one enterprise by what was released before", () => {
    const [orders, allButOne] = done.report.requests.slice(-2);
    expect(orders?.reasons).toContain("element-prohibited");
    expect(orders?.refusal?.verdicts[0]).toMatchObject({
      reason: "element-prohibited",
      compared: { element: "orders" },
    });
    expect(allButOne?.reasons).toEqual(["history"]);
  });

  test("a revoked agreement answers nothing any more, and its requester sees it as revoked", () => {
    expect(done.report.revocation).toMatchObject({
      provider: "silu-dyeing",
      isSeen: true,
      answered: { before: true, after: false },
    });
  });

  test("what is said names the refused purpose and column, the limits of the rules, and on what the promise rests, in both languages", () => {
    for (const [language, words] of [
      [
        "en",
        [
          "given: enforcement",
          "data element: orders",
          "largest 1 may have at most 60 %",
          "the policies want 3",
          "Xindi Fibre",
        ],
      ],
      ["zh-CN", ["实际：enforcement", "数据元：orders", "最大的 1 家最多占 60 %", "策略要求至少 3 家", "新涤化纤"]],
    ] as const) {
      const texts = createTexts(language);
      const { report, scenario, traffic } = done;
      const said = report.requests.map((request, at) => requestText(request, at + 1, texts, scenario)).join("\n");
      for (const word of words) expect(said).toContain(word);
      const closing = closingText(report, scenario, traffic, texts);
      expect(closing).toContain(texts.text("demo.helpers.none"));
      expect(closing).toContain(texts.text("demo.revocation.cached"));
    }
  });

  test("gives the expected sums, and withholds the single enterprise, the three that would give it away, and sums of mostly one", () => {
    const row = (of: string, ...figures: string[]) =>
      ["output-total", "tax-total", "energy-total", "tax-per-land"].map((measure, i) => ({
        of,
        measure,
        is: figures[i] ?? figures[0],
      }));
    const industries = figuresOf(done, "by-industry");
    // Jingwei has 56 % of the output, 61 % of the taxes and 65 % of the energy.
    expect(industries.slice(0, 4)).toEqual(row("17", "153860", WITHHELD, WITHHELD, WITHHELD));
    expect(industries.slice(4, 8)).toEqual(row("18", WITHHELD));
    expect(industries.slice(8)).toEqual(row("28", WITHHELD));
    // With the output of all, everybody had that of 18 and 28 together: Hengxian has 64 % of it.
    expect(figuresOf(done, "all-enterprises")).toEqual(row("", WITHHELD, "21395", "265450", "27.5886524822695"));
    expect((21395 / 775.5).toFixed(2)).toBe("27.59");
    // Two persons of the bureau have seen why.
    const { review } = done.report.requests.find(({ id }) => id === "by-industry")!;
    expect(review?.approvals.toSorted()).toEqual(["statistics-bureau/li", "statistics-bureau/wang"]);
    const rules = (code: string) =>
      review?.withheld.filter(({ group }) => group.industry === code).map((one) => one.rules[0]);
    expect(rules("17")).toEqual(["dominance", "dominance", "dominance"]);
    expect(rules("18")).toEqual(new Array(4).fill("minimum-organisations"));
    expect(rules("28")).toEqual(new Array(4).fill("complementary-cell"));
  });

  test("all tables together fix no withheld figure and speak of no enterprise alone", () => {
    expect(tables.withheld).toHaveLength(12);
    expect(foundOut(tables, tables.equations)).toEqual([]);
    expect(isolated(tables, tables.equations)).toEqual([]);
  });

  test("with the figures of industries 17 and 28 the attacker works out the one enterprise of industry 18", () => {
    const [first, second] = [industry("28", "energy-consumption"), industry("17", "energy-consumption")];
    expect([first.value, second.value]).toEqual([scaled("200950", 6), scaled("63380", 6)]);
    const alone = industry("18", "energy-consumption");
    expect([solved(tables, [], alone), solved(tables, [first], alone)]).toEqual([undefined, undefined]);
    expect(solved(tables, [first, second], alone)).toBe(scaled("1120", 6));
    expect(isolated(tables, [...tables.equations, first, second])).toEqual(["yuefu-apparel"]);
  });
});

test("every node in a process of its own gives the same figures", async () => {
  const scenario = await loadScenario("shaoxing");
  const done = await demo("shaoxing", { processes: true });
  try {
    allGood(done, 2);
    expect(done.report).toMatchObject({ processes: true, nodes: scenario.providers.length + 3 });
    expect(figuresOf(done, "by-industry").map(({ is }) => is)).toEqual([
      ...["153860", WITHHELD, WITHHELD, WITHHELD],
      ...new Array(8).fill(WITHHELD),
    ]);
  } finally {
    await done.network.close();
  }
});

test("a network founded on suite gm does the same job, and no key in it is of another suite", async () => {
  const out = await mkdtemp(join(tmpdir(), "sealane-gm-"));
  const done = await demo("shaoxing", { suite: "gm", out });
  try {
    allGood(done, 2);
    const { members } = JSON.parse(await readFile(join(out, "trust.json"), "utf8")) as TrustFile;
    expect(new Set(members.flatMap(({ keys }) => keys.map(({ suite }) => suite)))).toEqual(new Set(["gm"]));
  } finally {
    await done.network.close();
    await rm(out, { recursive: true, force: true });
  }
});
