import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assetOf, queryArbitrary, SECTORS, tableArbitrary } from "../../exchange/statistics/_fixtures.ts";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import { decode } from "../../exchange/statistics/decode.ts";
import { type Layout, layoutWords } from "../../exchange/statistics/layout.ts";
import { type LocalStatistics, localStatistics } from "../../exchange/statistics/local.ts";
import { type PlainCell, type PlainTable, plainFigures } from "../../exchange/statistics/plain.ts";
import { quantileCells } from "../../exchange/statistics/quantiles.ts";
import { REGISTERS, readThermometers } from "../../exchange/statistics/registers.ts";
import { readElement, writeElement } from "../../exchange/statistics/vector.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { Query } from "../../policies/model/query.ts";
import { openSource } from "./open.ts";

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "statistics-")));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Adds in the layout's own rings, as the protocol does. */
function add(layout: Layout, vectors: readonly BigUint64Array[]): BigUint64Array {
  const total = new BigUint64Array(layoutWords(layout));
  for (let atom = 0, at = 0; atom < layout.atoms; atom++) {
    for (const { words } of layout.components) {
      writeElement(
        total,
        at,
        words,
        vectors.reduce((sum, vector) => sum + readElement(vector, at, words), 0n),
      );
      at += words;
    }
  }
  return total;
}

async function compare(queries: readonly Query[], tables: readonly PlainTable[]): Promise<void> {
  const assets = tables.map(({ asset }) => asset);
  const layouts = queries.map((query) => compileLayout({ query, assets, attributes: SECTORS }));
  const vectors = layouts.map((): BigUint64Array[] => []);
  for (const [i, { csv, asset, attributes }] of tables.entries()) {
    const path = join(folder, `table-${i}.csv`);
    await writeFile(path, csv);
    const source = await openSource({ kind: "csv", path }, { scratch: folder });
    try {
      for (const [j, layout] of layouts.entries()) {
        vectors[j]!.push((await localStatistics(layout, asset, attributes, source.read)).values);
      }
    } finally {
      await source.close();
    }
  }
  for (const [j, layout] of layouts.entries()) {
    const counts = new Array<number>(layout.atoms).fill(99);
    const sums = add(layout, vectors[j]!);
    const cells = decode(
      layout,
      sums,
      counts.map(() => true),
      { counts, colluders: 1 },
    );
    const all = [...cells, ...quantileCells(layout, cells)];
    const figure = ({ group, measure, part, value }: PlainCell) => ({ group, measure, part, value });
    expect(all.map(figure)).toEqual(plainFigures(queries[j]!, tables, SECTORS).map(figure));
  }
}

/** `RUNS=500 SEED=7 npx vitest run nodes/sources/statistics.test.ts` for the long version. */
const RUNS = Number(process.env.RUNS ?? 10);
const SEED = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) };

test("the SQL path equals the independent reader on random tables and queries", {
  timeout: 24_000 * RUNS,
}, async () => {
  const queries = fc.array(queryArbitrary, { minLength: 4, maxLength: 4 });
  const tables = fc.tuple(tableArbitrary(0), tableArbitrary(1));
  await fc.assert(fc.asyncProperty(queries, tables, compare), { numRuns: RUNS, endOnFailure: true, ...SEED });
});

test("declared binary floats are rounded half to even at their scale, exponents included", async () => {
  const texts = [
    "0.125",
    "0.375",
    "-0.125",
    "1e-3",
    "2.5e-2",
    "1.5E2",
    "7",
    "0.1",
    "-0.005",
    "0.015",
    "99999",
    "1e30",
    "",
  ];
  const asset: Asset = {
    ...assetOf(0, texts.length),
    fields: [
      { name: "id", element: "id", type: "code", codeTable: "ids" },
      {
        name: "x",
        element: "x",
        type: "decimal",
        scale: 2,
        roundedFromFloat: true,
        bounds: { minimum: "-1000", maximum: "1000" },
      },
    ],
    codeTables: { ids: texts.map((_, i) => ({ code: `r${String(i).padStart(2, "0")}` })) },
    unit: { kind: "provider" },
  };
  const csv = `id,x\n${texts.map((text, i) => `r${String(i).padStart(2, "0")},${text}`).join("\n")}\n`;
  const query: Query = {
    measures: [{ id: "x", statistic: { kind: "sum", element: "x" } }],
    groupBy: [{ element: "id" }],
    filters: [],
  };
  await compare([query], [{ csv, asset, attributes: {} }]);
  expect(plainFigures(query, [{ csv, asset, attributes: {} }], {}).map(({ value }) => value)).toEqual([
    "0.12",
    "0.38",
    "-0.12",
    "0",
    "0.02",
    "150",
    "7",
    "0.1",
    "0",
    "0.02",
    "0",
    "0",
    "0",
  ]);
});

test("values at the bounds of two words add up without wrapping", async () => {
  const fields = (unit: string) => [
    {
      name: "x",
      element: "x",
      type: "decimal" as const,
      scale: 9,
      unit,
      bounds: { minimum: "-999999999", maximum: "999999999" },
    },
  ];
  const text = ["-999999999", "999999999", "999999998.999999999", "-999999999.000000000", "999999999.000000001"];
  const tables = [0, 1].map((i) => ({
    csv: `x,y\n${text.map((value) => `${value},`).join("\n")}\n`,
    asset: { ...assetOf(i, text.length), fields: fields("CNY"), unit: { kind: "provider" as const } },
    attributes: {},
  }));
  await compare(
    [{ measures: [{ id: "v", statistic: { kind: "variance", element: "x" } }], groupBy: [], filters: [] }],
    tables,
  );
});

test("distinct values over organisations: the sums hold the registers of the union, and the estimate its error", async () => {
  const sizes = [900, 700, 400];
  const key = "one-computation";
  const tables = sizes.map((size, i) => ({
    // Overlapping ids, some with blanks around them; every fifth row of another year, some without an id.
    lines: Array.from({ length: size }, (_, row) => ({
      id: row % 50 === 0 ? "" : `${row % 3 === 0 ? " " : ""}person-${(row * 7 + i * 150) % 1_000}`,
      year: row % 5 === 0 ? "2021" : "2022",
    })),
    asset: { ...assetOf(2 * i, size), period: undefined },
  }));
  const query: Query = {
    measures: [{ id: "persons", statistic: { kind: "distinct", element: "unit-id" } }],
    groupBy: [{ element: "year" }],
    filters: [{ element: "year", operator: "isAnyOf", values: ["2021", "2022"] }],
  };
  const assets = tables.map(({ asset }) => asset);
  const layout = compileLayout({ query, assets, attributes: {} });
  const locals: LocalStatistics[] = [];
  for (const { lines, asset } of tables) {
    const path = join(folder, "persons.csv");
    const rows = lines.map(({ id, year }) => `${id},${year},2022-01-01,1,1,1`);
    await writeFile(path, `"Unit, id",year,filed,output,tax,energy\n${rows.join("\n")}\n`);
    const source = await openSource({ kind: "csv", path }, { scratch: folder });
    locals.push(await localStatistics(layout, asset, {}, source.read, { key, random: (n) => randomBytes(n) }));
    await source.close();
  }
  const sums = locals[0]!.values.map((_, i) =>
    locals.reduce((sum, { values }) => BigInt.asUintN(64, sum + values[i]!), 0n),
  );
  const counts = new Array<number>(layout.atoms).fill(9);
  const cells = decode(
    layout,
    sums,
    counts.map(() => true),
    { counts, colluders: 1 },
  );
  const ranks = layout.wordsPerAtom / REGISTERS;
  for (const [atom, year] of layout.domains[0]!.codes.entries()) {
    const ids = tables.flatMap(({ lines }) => lines.filter((line) => line.year === year).map(({ id }) => id.trim()));
    const union = new Set(ids.filter((id) => id !== ""));
    const wanted = new Uint8Array(REGISTERS);
    for (const id of union) {
      const digest = createHash("sha256")
        .update(key + id)
        .digest();
      wanted[digest[0]!] = Math.max(wanted[digest[0]!]!, Math.min(Math.clz32(digest.readUInt32BE(1)) + 1, ranks));
    }
    const words = sums.subarray(atom * layout.wordsPerAtom, (atom + 1) * layout.wordsPerAtom);
    expect(readThermometers(words, ranks)).toEqual(wanted);
    const [estimate, error] = cells.filter(({ group }) => group.year === year);
    expect([estimate!.part, error!.part, error!.value]).toEqual(["estimate", "relative-error", "0.065"]);
    expect(Math.abs(Number(estimate!.value) - union.size)).toBeLessThanOrEqual(4 * 0.065 * union.size);
    expect(locals.every(({ contributes }) => contributes[atom] === (union.size > 0 ? 1 : 0))).toBe(true);
  }
});
