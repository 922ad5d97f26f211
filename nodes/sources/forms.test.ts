/** Registration lets only values pass that both forms of the compiled SELECT read alike. */
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkSource } from "../../exchange/catalog/check-source.ts";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import { localReader } from "../../exchange/statistics/local.ts";
import { compileSql, type SqlForm } from "../../exchange/statistics/sql.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { Query } from "../../policies/model/query.ts";
import { type OpenedSource, openSource } from "./open.ts";

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "forms-")));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SCALE = 2;
const BOUND = 1_000;
const CODES = ["A", "B1", "C.3"];

interface Line {
  readonly x: string;
  readonly whole: string;
  readonly code: string;
  readonly day: string;
}

const NUMBERS = [
  ..."0 -0 +0 00 007 1.5 1.50 1.500 +1.5 -1.5 01.50 999.99 1000 1000.00 1000.01 -1000 -1000.01 99999999".split(" "),
  ..."1.005 1.0001 1.00000000000000000000001 0.999999999999999999999 1.0000000000000000000000".split(" "),
  ..."1e2 1E2 15e-1 1e-9 10e2 0e0 1.0e0 1_0 1_000 1__0 .5 5. . - + 0x10 1,5 1,000 1.2.3 --1 +-1 1-".split(" "),
  ..."nan NaN inf -inf Infinity null NULL true １２ ٣ 1a a1 1.5f $1 1% 123456789012345678 9999999999999999999".split(
    " ",
  ),
  ..."99999999999999999999999999999999999999 999999999999999999999999999999999999999 12345678901234567.891".split(" "),
  " 1.5",
  "1.5 ",
  "\u00a01.5",
  "1.5\u3000",
  "\u20051\u2005",
  "\t1.5",
  "1.5\t",
  "1 .5",
  "1\u200b",
  "\u200b",
  "\ufeff1",
  "1\n",
  "1\r2",
  "",
  " ",
  "\u3000 ",
];
const blank = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom("", "", "", " ", "\u00a0", "\u3000"), text, fc.constantFrom("", "", "", "  ", "\u2003"))
    .map((parts) => parts.join(""));
const digits = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: length });
const decimal = fc
  .tuple(fc.constantFrom("", "", "-", "+"), digits(5), fc.option(digits(4), { nil: undefined }))
  .map(([sign, whole, fraction]) => sign + whole + (fraction === undefined ? "" : `.${fraction}`));
const noise = fc.string({ unit: fc.constantFrom(..."0123456789.eE_+- \t\u3000"), maxLength: 8 });
const number = fc.oneof(
  { weight: 6, arbitrary: decimal },
  { weight: 4, arbitrary: fc.constantFrom(...NUMBERS) },
  { weight: 2, arbitrary: noise },
);
const line: fc.Arbitrary<Line> = fc.record({
  x: blank(number),
  whole: blank(number),
  code: blank(fc.constantFrom(...CODES, ...CODES, ...CODES, "", "a", "B", "C.30", "'", '"', "A B")),
  day: blank(
    fc.constantFrom(
      "2024-02-29",
      "2024-03-01",
      "2023-02-29",
      "2024-1-1",
      "20240101",
      "0000-00-00",
      "2024-03-01T00",
      "",
    ),
  ),
});

// What the declaration says, in other words than the SQL.
const trimmed = (text: string): string => text.replace(/^\p{Zs}+|\p{Zs}+$/gu, "");
const fitsNumber = (text: string, scale: number): boolean =>
  trimmed(text) === "" ||
  (/^[+-]?\d+(\.\d+)?$/.test(trimmed(text)) && !/\.\d*[1-9]/.test(beyond(trimmed(text), scale)));
const beyond = (text: string, scale: number): string => {
  const point = text.indexOf(".");
  return point < 0 ? "" : `.${text.slice(point + 1 + scale)}`;
};
const fitsDay = (text: string): boolean => {
  const day = trimmed(text);
  if (day === "") return true;
  const time = new Date(`${day}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(time.getTime()) && time.toISOString().startsWith(day);
};
const fits: { readonly [K in keyof Line]: (text: string) => boolean } = {
  x: (text) => fitsNumber(text, SCALE),
  whole: (text) => fitsNumber(text, 0),
  code: (text) => trimmed(text) === "" || CODES.includes(trimmed(text)),
  day: fitsDay,
};

const assetOf = (rows: number, unit: Asset["unit"]): Asset => ({
  id: "alpha:cells",
  version: 1,
  provider: "alpha",
  title: { en: "Cells" },
  keywords: [],
  fields: [
    { name: "x", element: "x", type: "decimal", scale: SCALE, bounds: { minimum: `-${BOUND}`, maximum: `${BOUND}` } },
    { name: "whole", element: "whole", type: "integer", bounds: { minimum: "-5", maximum: `${BOUND}` } },
    { name: "code", element: "code", type: "code", codeTable: "codes" },
    { name: "day", element: "day", type: "date" },
    { name: "id", element: "id", type: "text", identity: true },
  ],
  codeTables: { codes: CODES.map((code) => ({ code })) },
  unit,
  unitDomain: "alpha",
  grade: { legal: "general", level: "L1" },
  period: { from: "2020-01-01", to: "2030-01-01", field: "day" },
  quality: { rows, fields: {} },
  sourceDigest: "A".repeat(43),
});

const cell = (text: string): string => (/["\n\r,]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
async function withTable<T>(lines: readonly Line[], use: (source: OpenedSource) => Promise<T>): Promise<T> {
  const path = join(folder, "cells.csv");
  const rows = lines.map(({ x, whole, code, day }, i) => [x, whole, code, day, `u${i % 7}`].map(cell).join(","));
  await writeFile(path, `${["x,whole,code,day,id", ...rows].join("\n")}\n`);
  const source = await openSource({ kind: "csv", path }, { scratch: folder });
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

const QUERIES: readonly Query[] = [
  {
    measures: [
      { id: "v", statistic: { kind: "regression", dependent: "x", independents: ["whole"] } },
      { id: "n", statistic: { kind: "count" } },
    ],
    groupBy: [{ element: "code" }],
    filters: [],
  },
  {
    measures: [{ id: "s", statistic: { kind: "mean", element: "x" } }],
    groupBy: [{ element: "code" }],
    filters: [
      { element: "whole", operator: "gteq", values: ["-2"] },
      { element: "code", operator: "isAnyOf", values: ["A", "C.3"] },
    ],
    period: { from: "2024-03-01", to: "2024-12-31" },
  },
];

async function local(source: OpenedSource, query: Query, asset: Asset, form: SqlForm) {
  const layout = compileLayout({ query, assets: [asset], attributes: {} });
  const reader = localReader(layout, asset, {});
  return (await source.read(compileSql(layout, asset, form), reader.take)) ? reader.finish() : undefined;
}

const UNITS: readonly Asset["unit"][] = [{ kind: "provider" }, { kind: "field", field: "id" }];

test("registration counts exactly the values that the declaration does not allow", async () => {
  const check = async (lines: readonly Line[]) => {
    const { fields, codeTables } = assetOf(0, UNITS[0]!);
    const sound = fields.map((field) => ({ field, at: field.name }));
    const { problems } = await withTable(lines, (source) => checkSource({ sound, codeTables }, source));
    const misfits = (Object.keys(fits) as (keyof Line)[]).flatMap((name) => {
      const wrong = lines.filter((entry) => !fits[name](entry[name])).length;
      return wrong === 0 ? [] : [`${name} ${wrong}`];
    });
    expect(problems.map(({ field, parameters }) => `${field} ${parameters?.count}`).sort()).toEqual(misfits.sort());
  };
  await fc.assert(fc.asyncProperty(fc.array(line, { minLength: 200, maxLength: 400 }), check), {
    numRuns: 6,
    endOnFailure: true,
  });
});

test("both forms give the same words, counts and nulls over whatever is registered", async () => {
  let asNumbers = 0;
  const check = async (all: readonly Line[], spacious: boolean) => {
    const fitting = all.filter((entry) =>
      (Object.keys(fits) as (keyof Line)[]).every((name) => fits[name](entry[name])),
    );
    // What only the text form reads: blanks that are no ASCII, numbers beyond one machine word.
    const isPlain = ({ x, whole }: Line) => [x, whole].every((text) => /^ *[+-]?\d{1,15}(\.\d+)? *$|^$/.test(text));
    const lines = spacious ? fitting : fitting.filter(isPlain);
    await withTable(lines, async (source) => {
      for (const unit of UNITS) {
        const asset = assetOf(lines.length, unit);
        for (const query of QUERIES) {
          const [fast, slow] = [
            await local(source, query, asset, "registered"),
            await local(source, query, asset, "text"),
          ];
          if (fast === undefined) expect(spacious).toBe(true);
          else expect(fast).toEqual(slow);
          if (fast !== undefined) asNumbers += 1;
        }
      }
    });
  };
  const lines = fc.array(line, { minLength: 200, maxLength: 400 });
  await fc.assert(fc.asyncProperty(lines, fc.boolean(), check), { numRuns: 6, endOnFailure: true });
  expect(asNumbers).toBeGreaterThan(0);
});
