/**
 * What a requester may try through the management interface alone: columns that no operator may lift, and releases that
 * together tell one organisation's figure. One network for all of it; each attempt at differences has years of its own.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readComputations } from "../../chaincode/rules/keys.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import type { Query } from "../../policies/model/query.ts";
import {
  createNetwork,
  defaultPolicy,
  draftOf,
  type Network,
  PATIENCE_MS,
  type RequestState,
} from "../computations/_network.ts";
import type { TestnetMember } from "../testnet/local-member.ts";
import { ENDS } from "./_network.ts";

const PROVIDERS = ["p1", "p2", "p3", "p4", "p5", "p6", "p7"];
const YEARS = Array.from({ length: 16 }, (_, index) => String(2001 + index));
const outputOf = (member: string, year: string): number =>
  1000 * (1 + PROVIDERS.indexOf(member)) + 7 * (Number(year) - 2000);
/** Only two organisations have taxes of this year. */
const SCARCE = "2016";
const taxOf = (member: string, year: string): string =>
  year === SCARCE && !["p1", "p2"].includes(member) ? "" : String(outputOf(member, year) / 10);

const members: readonly TestnetMember[] = [
  { id: "operator", kind: "industry" },
  { id: "ministry", kind: "government", attributes: { clearance: "internal" } },
  { id: "treasury", kind: "government" },
  { id: "bureau", kind: "government" },
  ...PROVIDERS.map((id) => ({ id, kind: "enterprise" as const, attributes: { sector: "17" } })),
];

let folder: string;
let network: Network;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealane-escapes-"));
  network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    members,
    attributes: { clearance: ["public", "internal"] },
    providers: PROVIDERS,
    rows: Object.fromEntries(
      PROVIDERS.map((member) => [
        member,
        YEARS.map((year) => [year, `${outputOf(member, year)}`, taxOf(member, year)] as const),
      ]),
    ),
    policy: () => ({ releaseAuthorities: ["bureau", "treasury"], filter: { year: { predicates: ["eq", "isAnyOf"] } } }),
  });
  await Promise.all([...STAFFED.map(registerStaff), ...PROVIDERS.map(registerDays)]);
});
afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const submitted = async (member: string, draft: object): Promise<string> =>
  (await network.call<{ id: string }>(member, "POST", "/api/v1/requests", { ...draftOf(), ...draft })).id;

/** The state in which a request of this member ends. */
const endOf = (member: string, request: string): Promise<RequestState> =>
  vi.waitFor(
    async () => {
      const view = await network.call<RequestState>(member, "GET", `/api/v1/requests/${request}`);
      if (!ENDS.some((end) => end === view.state)) throw new Error(JSON.stringify(view));
      return view;
    },
    { timeout: PATIENCE_MS, interval: 50 },
  );

// ---- columns

const STAFFED = ["p1", "p2", "p3"];
const STAFF_ROWS = Array.from({ length: 30 }, (_, row) =>
  [
    `w${row}`,
    ["spinning", "dyeing"][row % 2],
    `k${row}`,
    10 + 7 * row,
    100 + row,
    50 + row,
    `2025-0${1 + (row % 6)}-11`,
  ].join(),
);

async function registerStaff(member: string): Promise<void> {
  const path = join(folder, `${member}.csv`);
  await writeFile(path, `worker,plant,site,hours,energy,cost,day\n${STAFF_ROWS.join("\n")}\n`);
  const number = { type: "decimal", scale: 0, alwaysPresent: true, bounds: { minimum: "0", maximum: "10000" } };
  const id = `${member}:staff`;
  await network.call(member, "POST", "/api/v1/assets", {
    source: { kind: "csv", path },
    asset: {
      id,
      title: { en: id },
      keywords: [],
      fields: [
        { name: "worker", element: "worker", type: "code", codeTable: "workers", identity: true },
        { name: "plant", element: "plant", type: "code", codeTable: "plants" },
        { name: "site", element: "site", type: "text" },
        { ...number, name: "hours", element: "hours" },
        { ...number, name: "energy", element: "energy" },
        { ...number, name: "cost", element: "cost" },
        { name: "day", element: "day", type: "date" },
      ],
      codeTables: {
        workers: STAFF_ROWS.map((_, row) => ({ code: `w${row}` })),
        plants: [{ code: "spinning" }, { code: "dyeing" }],
      },
      unit: { kind: "provider" },
      unitDomain: `${member}-staff`,
      grade: { legal: "general", level: "L1" },
      period: { from: "2025-01-01", to: "2025-06-30", field: "day" },
    },
    policy: policyOf({
      ...defaultPolicy(member),
      id: `${id}:policy`,
      asset: id,
      clearances: ["internal"],
      aggregate: { energy: ["sum", "ratio"], cost: ["ratio"], hours: ["histogram"] },
      filter: {
        hours: {
          predicates: ["gteq", "lteq"],
          partition: [
            { minimum: "0", maximum: "99" },
            { minimum: "100", maximum: "10000" },
          ],
        },
        plant: { predicates: ["eq"] },
      },
      groupBy: { elements: ["plant"] },
      classes: { hours: [["0", "100", "10000"]] },
      join: ["worker", "site"],
    }),
  });
}

/** One row for each month of a year. */
const MONTHS = Array.from({ length: 12 }, (_, at) => String(at + 1).padStart(2, "0"));
const amountOf = (member: string, month: string): number => 100 * (1 + PROVIDERS.indexOf(member)) + Number(month);

async function registerDays(member: string): Promise<void> {
  const path = join(folder, `${member}-days.csv`);
  const rows = MONTHS.map((month) => `2025-${month}-11,${amountOf(member, month)}`);
  await writeFile(path, `day,amount\n${rows.join("\n")}\n`);
  const id = `${member}:days`;
  const bounds = { minimum: "0", maximum: "10000" };
  await network.call(member, "POST", "/api/v1/assets", {
    source: { kind: "csv", path },
    asset: {
      id,
      title: { en: id },
      keywords: [],
      fields: [
        { name: "day", element: "day", type: "date" },
        { name: "amount", element: "amount", type: "integer", alwaysPresent: true, bounds },
      ],
      codeTables: {},
      unit: { kind: "provider" },
      unitDomain: `${member}-days`,
      grade: { legal: "general", level: "L1" },
      period: { from: "2025-01-01", to: "2025-12-31", field: "day" },
    },
    policy: policyOf({ ...defaultPolicy(member), id: `${id}:policy`, asset: id, aggregate: { amount: ["sum"] } }),
  });
}

const ENERGY: Query = {
  measures: [{ id: "energy", statistic: { kind: "sum", element: "energy" } }],
  groupBy: [],
  filters: [],
};
const aboutStaff = (query: object) => ({
  query: { ...ENERGY, ...query },
  assets: STAFFED.map((member) => `${member}:staff`),
});
const hours = (minimum: string, maximum: string) => [
  { element: "hours", operator: "gteq", values: [minimum] },
  { element: "hours", operator: "lteq", values: [maximum] },
];

describe("a column that no operator may lift", () => {
  test("P-columns: is not what these tests are refused for otherwise: what the policy opens is released", async () => {
    const query = { filters: hours("100", "10000"), groupBy: [{ element: "plant" }] };
    const request = await submitted("ministry", aboutStaff(query));
    expect(await endOf("ministry", request)).toMatchObject({ state: "released" });
  });

  test("P-policy: who has no label that the policy wants is refused, whatever else it opens", async () => {
    const request = await submitted("treasury", aboutStaff({}));
    const { state, assets } = await endOf("treasury", request);
    expect([state, assets.map(({ reasons }) => reasons)]).toEqual([
      "cancelled",
      STAFFED.map(() => ["clearance-missing"]),
    ]);
  });

  const escapes: readonly [way: string, query: object, reason: string, column: string][] = [
    ["the sum over one record that a number picks", { filters: hours("17", "17") }, "class-not-in-partition", "hours"],
    [
      "the sum over one record that an identity picks",
      { filters: [{ element: "worker", operator: "eq", values: ["w3"] }] },
      "identity-compared",
      "worker",
    ],
    ["the sum over one day", { period: { from: "2025-03-11", to: "2025-03-11" } }, "period-not-aligned", "day"],
    ["groups by what only matches are open for", { groupBy: [{ element: "site" }] }, "group-not-allowed", "site"],
    ["groups by an identity", { groupBy: [{ element: "worker" }] }, "identity-grouped", "worker"],
    [
      "a ratio to a sum that another release gives",
      { measures: [{ id: "r", statistic: { kind: "ratio", numerator: "cost", denominator: "energy" } }] },
      "column-derivable",
      "cost",
    ],
    [
      "a histogram with edges around one value",
      {
        measures: [{ id: "h", statistic: { kind: "histogram", element: "hours" } }],
        groupBy: [{ element: "hours", edges: ["0", "17", "18", "10000"] }],
      },
      "edges-not-allowed",
      "hours",
    ],
  ];
  test.each(escapes)("P-columns: stops %s, and is named", async (_way, query, reason, column) => {
    const request = await submitted("ministry", aboutStaff(query));
    const { state, assets } = await endOf("ministry", request);
    expect([state, assets.map(({ outcome }) => outcome)]).toEqual(["cancelled", STAFFED.map(() => "refuse")]);
    expect(assets[0]!.reasons).toContain(reason);
    const { explanations } = await network.call<{ explanations: { stops: object[] }[] }>(
      "p1",
      "GET",
      `/api/v1/requests/${request}/explanations`,
    );
    expect(explanations[0]!.stops).toContainEqual(expect.objectContaining({ reason, columns: [column] }));
    const opened = await readComputations(network.net.node("p1").services.ledger);
    expect(opened.filter((one) => one.request === request)).toEqual([]);
  });

  test.each(["clip", "bounds", "scale", "weights", "noise"])(
    "P-no-isolation: is not brought by a request either: a measure with %s of its own is no measure",
    async (name) => {
      const measures = [{ ...ENERGY.measures[0], [name]: { minimum: "17", maximum: "18" } }];
      const draft = { ...draftOf(), ...aboutStaff({ measures }) };
      const refused = network.call("ministry", "POST", "/api/v1/requests", draft);
      await expect(refused).rejects.toThrow(new RegExp(`400 .*measures.*${name}`));
    },
  );
});

// ---- differences

const sumOver = (providers: readonly string[], years: readonly string[], element = "output-value") => ({
  assets: providers.map((member) => `${member}:panel`),
  query: {
    measures: [{ id: "sum", statistic: { kind: "sum", element } }],
    groupBy: [],
    filters: [{ element: "year", operator: years.length === 1 ? "eq" : "isAnyOf", values: years }],
  },
});
const cohort = (from: number, to: number) => PROVIDERS.slice(from - 1, to);
const direct = (requester: string) => ({ receiverMode: "direct", receiver: requester });
/** Released with its figure, or how it ended. */
async function told(requester: string, draft: object): Promise<string> {
  const request = await submitted(requester, draft);
  const { state, reasons } = await endOf(requester, request);
  if (state !== "released") return [state, ...(reasons ?? [])].join(" ");
  return (await cellsOf(requester, request))[0]?.value ?? "no figure";
}
interface Cell {
  readonly group: Readonly<Record<string, string>>;
  readonly value: string | null;
}
async function cellsOf(requester: string, request: string): Promise<readonly Cell[]> {
  const path = `/api/v1/requests/${request}/result`;
  const result = await network.call<{ outcome: { document: { cells: Cell[] } } }>(requester, "GET", path);
  return result.outcome.document.cells;
}
const total = (providers: readonly string[], years: readonly string[]): string =>
  String(providers.flatMap((member) => years.map((year) => outputOf(member, year))).reduce((a, b) => a + b, 0));

describe("what several releases would tell together", () => {
  test("P-history: one enterprise more is refused, to the one who asked and to another one, also after every provider started again", async () => {
    const [year] = ["2001"];
    expect(await told("ministry", sumOver(cohort(1, 6), [year!]))).toBe(total(cohort(1, 6), [year!]));
    expect(await told("ministry", sumOver(cohort(1, 7), [year!]))).toBe("failed history");
    await Promise.all(
      PROVIDERS.map(async (member) => {
        await network.net.stop(member);
        await network.net.start(member);
      }),
    );
    expect(await told("treasury", sumOver(cohort(1, 7), [year!]))).toBe("failed history");
    expect(await told("treasury", { ...sumOver(cohort(1, 7), [year!]), ...direct("treasury") })).toBe("failed history");
  });

  test("P-history: cohorts that overlap in all but one on either side are refused", async () => {
    expect(await told("ministry", sumOver(cohort(1, 6), ["2002"]))).toBe(total(cohort(1, 6), ["2002"]));
    expect(await told("ministry", sumOver(cohort(2, 7), ["2002"]))).toBe("failed history");
  });

  test("P-history: of three of which each two are harmless the third does without whom they would tell, whoever asked and received", async () => {
    const year = ["2003"];
    const [all, first, second] = [cohort(1, 7), cohort(1, 4), cohort(4, 7)];
    expect(await told("ministry", { ...sumOver(all, year), ...direct("ministry") })).toBe(total(all, year));
    expect(await told("treasury", { ...sumOver(first, year), ...direct("treasury") })).toBe(total(first, year));
    // The fourth is in all three and refuses; without it the third is what the first two told already.
    expect(await told("ministry", sumOver(second, year))).toBe(total(cohort(5, 7), year));
  });

  test("P-released-set: three that nobody is in all of are withheld by the release authority, which sees all of them", async () => {
    const year = ["2004"];
    expect(await told("ministry", sumOver(cohort(1, 3), year))).toBe(total(cohort(1, 3), year));
    expect(await told("treasury", sumOver(cohort(4, 6), year))).toBe(total(cohort(4, 6), year));
    expect(await told("ministry", sumOver(cohort(1, 7), year))).toMatch(/^(withheld|no figure)/);
  });

  test("P-released-set: a period more is released over the same organisations, and withheld with one enterprise more", async () => {
    const [first, second] = ["2005", "2006"];
    expect(await told("ministry", sumOver(cohort(1, 6), [first]))).toBe(total(cohort(1, 6), [first]));
    expect(await told("ministry", sumOver(cohort(1, 6), [first, second]))).toBe(total(cohort(1, 6), [first, second]));
    expect(await told("treasury", sumOver(cohort(1, 7), [second]))).toMatch(/^(withheld|failed|no figure)/);
  });

  test("P-released-set: and so it is where the query names the period, as a date that rows have", async () => {
    const over = (providers: readonly string[], first: string, last: string) => ({
      assets: providers.map((member) => `${member}:days`),
      query: {
        measures: [{ id: "sum", statistic: { kind: "sum", element: "amount" } }],
        groupBy: [],
        filters: [],
        period: {
          from: `2025-${first}-01`,
          to: new Date(Date.UTC(2025, Number(last), 0)).toISOString().slice(0, 10),
        },
      },
    });
    const sum = (providers: readonly string[], months: readonly string[]) =>
      String(providers.flatMap((member) => months.map((month) => amountOf(member, month))).reduce((a, b) => a + b, 0));
    const six = cohort(1, 6);
    expect(await told("ministry", over(six, "01", "06"))).toBe(sum(six, MONTHS.slice(0, 6)));
    expect(await told("ministry", over(six, "01", "07"))).toBe(sum(six, MONTHS.slice(0, 7)));
    expect(await told("treasury", over(cohort(1, 7), "07", "07"))).toMatch(/^(withheld|failed|no figure)/);
    expect(await told("treasury", over(cohort(1, 7), "08", "08"))).toBe(sum(cohort(1, 7), ["08"]));
  });

  test("P-counted-rests: a year that few have, and that nobody counted, is not what two sums differ by, in either order", async () => {
    const taxes = (...years: string[]) => ({ ...sumOver(PROVIDERS, years, "tax-paid"), receiver: "treasury" });
    const paid = (...years: string[]) =>
      years.flatMap((year) => PROVIDERS.map((member) => Number(taxOf(member, year)))).reduce((a, b) => a + b, 0);
    expect(Number(await told("ministry", taxes("2013")))).toBeCloseTo(paid("2013"));
    expect(await told("bureau", taxes("2013", SCARCE))).toMatch(/^(withheld|no figure)/);
    expect(Number(await told("ministry", taxes("2014", SCARCE)))).toBeCloseTo(paid("2014", SCARCE));
    expect(await told("bureau", taxes("2014"))).toMatch(/^(withheld|no figure)/);
    // A rest that was counted itself is one more sum over enough.
    for (const years of [["2011"], ["2012"], ["2011", "2012"]]) {
      expect(Number(await told("ministry", taxes(...years)))).toBeCloseTo(paid(...years));
    }
  });

  test("P-released-set: complementary predicates do not give what is withheld: the total, and by itself the year that was withheld beside it", async () => {
    const byYear = sumOver(PROVIDERS, YEARS, "tax-paid");
    const table = { ...byYear, query: { ...byYear.query, filters: [], groupBy: [{ element: "year" }] } };
    const request = await submitted("ministry", table);
    expect(await endOf("ministry", request)).toMatchObject({ state: "released" });
    const withheld = (await cellsOf("ministry", request)).filter(({ value }) => value === null);
    const [first, second, ...others] = withheld.map(({ group }) => group.year!).sort();
    expect([second, others]).toEqual([SCARCE, []]);
    const sum = { ...table, query: { ...table.query, groupBy: [] } };
    expect(await told("ministry", sum)).toMatch(/^\d/);
    expect(await told("treasury", sumOver(PROVIDERS, [first!], "tax-paid"))).toMatch(/^(withheld|no figure)/);
    const rest = YEARS.filter((year) => year !== SCARCE);
    expect(await told("treasury", sumOver(PROVIDERS, rest, "tax-paid"))).toMatch(/^(withheld|no figure)/);
  });
});
