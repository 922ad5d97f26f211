/** Rows of a join as a real engine reads them. */
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { figuresOf } from "../../exchange/joins/figures.ts";
import { keyedRows } from "../../exchange/joins/keyed-rows.ts";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { Query } from "../../policies/model/query.ts";
import { openSource } from "./open.ts";

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "keyed-")));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ASSET: Asset = {
  id: "alpha:firms",
  version: 1,
  provider: "alpha",
  title: { en: "Firms" },
  keywords: [],
  fields: [
    { name: "code", element: "credit-code", type: "text" },
    { name: "size", element: "size", type: "code", codeTable: "sizes" },
    { name: "year", element: "year", type: "code", codeTable: "years" },
    {
      name: "output",
      element: "output",
      type: "decimal",
      scale: 1,
      unit: "CNY-10k",
      bounds: { minimum: "-100", maximum: "100000" },
    },
  ],
  codeTables: { sizes: [{ code: "S" }, { code: "L" }], years: [{ code: "2024" }, { code: "2025" }] },
  unit: { kind: "field", field: "code" },
  unitDomain: "firms",
  grade: { legal: "general", level: "L1" },
  quality: { rows: 6, fields: {} },
  sourceDigest: "A".repeat(43),
};
const QUERY: Query = {
  measures: [
    { id: "firms", statistic: { kind: "count" } },
    { id: "output", statistic: { kind: "sum", element: "output" } },
  ],
  groupBy: [{ element: "size" }],
  filters: [{ element: "year", operator: "isAnyOf", values: ["2024"] }],
};

async function rowsOf(csv: string, query = QUERY) {
  const path = join(folder, `${Math.random()}.csv`);
  await writeFile(path, csv);
  const source = await openSource({ kind: "csv", path }, { scratch: folder });
  const layout = compileLayout({ query, assets: [ASSET], attributes: {} });
  try {
    const { keys, groups, columns } = await keyedRows(layout, ASSET, "credit-code", source.read);
    const rows = keys.map((key, at) => [key, groups[at], ...columns.map((column) => column[at])]);
    return { layout, rows: rows.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)) };
  } finally {
    await source.close();
  }
}

test("each key once with the exact sum of its kept rows, in its group; rows without a key or a code are in none", async () => {
  const { rows } = await rowsOf(
    "code,size,year,output\nA1,S,2024,0.1\n A1 ,S,2024,0.2\nB2,L,2024,-7\nC3,S,2025,5\n,S,2024,9\nD4,,2024,9\n",
  );
  expect(rows).toEqual([
    ["A1", 1, 3n],
    ["B2", 0, -70n],
  ]);
});

test("a key in two groups is refused: its list would tell the groups apart", async () => {
  await expect(rowsOf("code,size,year,output\nA1,S,2024,1\nA1,L,2024,1\n")).rejects.toThrow("two groups");
});

test("opened sums are figures in the unit that was asked for, under the names of both sides' groups", async () => {
  const measures = QUERY.measures.map((one) => (one.id === "output" ? { ...one, units: { output: "CNY" } } : one));
  const { layout } = await rowsOf("code,size,year,output\nA1,S,2024,1\n", { ...QUERY, measures });
  // Group 3: the second label of the requester, the second code of the table.
  expect(figuresOf(layout, ["north", "south"], [{ group: 3, rows: 12, sums: [125n] }])).toEqual([
    {
      group: { label: "south", size: "S" },
      keys: 12,
      figures: [
        { measure: "firms", value: "12" },
        { measure: "output", value: "125000" },
      ],
    },
  ]);
});
