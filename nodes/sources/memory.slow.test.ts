/** A table is read in bounded memory, however long it is. */
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import { mkdtemp, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { prepareAsset } from "../../exchange/catalog/register.ts";
import { compileLayout, LAYOUT_LIMITS } from "../../exchange/statistics/compile.ts";
import { layoutWords } from "../../exchange/statistics/layout.ts";
import { localStatistics } from "../../exchange/statistics/local.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { Query } from "../../policies/model/query.ts";
import type { SourceDescription } from "./description.ts";
import { openSource } from "./open.ts";

const MIB = 2 ** 20;
const ENGINE_LIMIT_MIB = 64;

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "memory-")));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const description = {
  id: "alpha:long",
  title: { en: "Long" },
  keywords: [],
  fields: [
    { name: "year", element: "year", type: "code", codeTable: "years" },
    { name: "name", element: "name", type: "text" },
    { name: "amount", element: "amount", type: "decimal", scale: 2, bounds: { minimum: "0", maximum: "9000" } },
    { name: "staff", element: "staff", type: "integer", bounds: { minimum: "0", maximum: "100000" } },
    { name: "filed", element: "filed", type: "date" },
  ],
  codeTables: { years: [{ code: "2023" }, { code: "2024" }] },
  unit: { kind: "provider" },
  unitDomain: "alpha",
  grade: { legal: "general", level: "L1" },
};
const query: Query = {
  measures: [
    { id: "fit", statistic: { kind: "regression", dependent: "amount", independents: ["staff"] } },
    { id: "mean", statistic: { kind: "mean", element: "amount" } },
  ],
  groupBy: [{ element: "year" }],
  filters: [],
};

/** 100 bytes a row; one row in nine has an empty amount, one in eleven an amount out of bounds. */
async function writeRows(path: string, rows: number): Promise<void> {
  const file = createWriteStream(path);
  file.write("year,name,amount,staff,filed\n");
  const filler = "a name with blanks, written twice ".repeat(2);
  for (let at = 0; at < rows; at += 10_000) {
    const lines = Array.from({ length: 10_000 }, (_, i) => {
      const n = at + i;
      const amount = n % 9 === 0 ? "" : n % 11 === 0 ? "9999.99" : `${n % 9000}.${String(n % 100).padStart(2, "0")}`;
      return `${2023 + (n % 2)},"${filler}${n % 10}",${amount},${n % 70_000},2024-0${1 + (n % 9)}-15\n`;
    });
    if (!file.write(lines.join(""))) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
}

/** Most resident memory of a process so far. */
const peakMiB = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;

async function registerAndCompute(
  source: SourceDescription,
): Promise<{ readonly peak: number; readonly rows: number }> {
  const options = { scratch: folder, memoryMiB: ENGINE_LIMIT_MIB };
  const first = await openSource(source, options);
  const random = (bytes: number) => new Uint8Array(bytes);
  const prepared = await prepareAsset("alpha", description, first, { version: 1, random });
  const registering = peakMiB(first.pid!);
  await first.close();
  const { asset, fingerprint } = prepared;
  const second = await openSource(source, { ...options, fingerprint });
  const layout = compileLayout({ query, assets: [asset], attributes: {} });
  const local = await localStatistics(layout, asset, {}, second.read);
  const computing = peakMiB(second.pid!);
  await second.close();
  expect(local.nulls).toEqual({ amount: Math.ceil(asset.quality.rows / 9), staff: 0, year: 0 });
  expect(local.outOfBounds.amount).toBe(asset.quality.fields.amount!.outOfBounds);
  return { peak: Math.max(registering, computing), rows: asset.quality.rows };
}

test.skipIf(process.platform !== "linux")(
  "registration and computation need no more memory for a file four times as long, and far less than its size",
  async () => {
    const [short, long] = [join(folder, "short.csv"), join(folder, "long.csv")];
    await writeRows(short, 500_000);
    await writeRows(long, 4 * 500_000);
    const small = await registerAndCompute({ kind: "csv", path: short });
    await rm(short);
    const large = await registerAndCompute({ kind: "csv", path: long });
    expect([small.rows, large.rows]).toEqual([500_000, 2_000_000]);
    expect(large.peak).toBeLessThan(small.peak + ENGINE_LIMIT_MIB);
    // The process itself (Node and the engine's code) weighs some 100 MiB.
    expect(large.peak).toBeLessThan(ENGINE_LIMIT_MIB + 180);
    expect((await stat(long)).size).toBeGreaterThan(190 * MIB);
  },
);

test("a vector of ten million words is filled batch by batch", async () => {
  const side = 1_000;
  const path = join(folder, "wide.csv");
  const file = createWriteStream(path);
  file.write("x,y,a,b,c\n");
  for (let i = 0; i < side; i++) {
    const lines = Array.from({ length: side }, (_, j) => `c${i},c${j},${i},${j},${1 + ((i * j) % 10)}\n`);
    if (!file.write(lines.join(""))) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
  const bounds = { minimum: "0", maximum: "1000" };
  const asset: Asset = {
    ...description,
    version: 1,
    provider: "alpha",
    unit: { kind: "provider" },
    grade: { legal: "general", level: "L1" },
    fields: [
      ...["x", "y"].map((name) => ({ name, element: name, type: "code" as const, codeTable: "codes" })),
      ...["a", "b", "c"].map((name) => ({ name, element: name, type: "integer" as const, bounds })),
    ],
    codeTables: { codes: Array.from({ length: side }, (_, i) => ({ code: `c${i}` })) },
    quality: { rows: side * side, fields: {} },
    sourceDigest: "A".repeat(43),
  };
  const wide: Query = {
    measures: [{ id: "fit", statistic: { kind: "regression", dependent: "a", independents: ["b", "c"] } }],
    groupBy: [{ element: "x" }, { element: "y" }],
    filters: [],
  };
  const layout = compileLayout({
    query: wide,
    assets: [asset],
    attributes: {},
    limits: { ...LAYOUT_LIMITS, cells: 1e6, sums: 1e7, figures: 1e7 },
  });
  expect(layoutWords(layout)).toBe(10_000_000);
  const source = await openSource({ kind: "csv", path }, { scratch: folder, memoryMiB: 512 });
  let largestBatch = 0;
  const local = await localStatistics(layout, asset, {}, (query, take) =>
    source.read(query, (batch) => {
      largestBatch = Math.max(largestBatch, batch.rows.length);
      take(batch);
    }),
  );
  await source.close();
  expect(largestBatch).toBeLessThan(50_000);
  const word = (i: number, j: number, k: number) =>
    local.values[
      (layout.domains[0]!.codes.indexOf(`c${i}`) * side + layout.domains[1]!.codes.indexOf(`c${j}`)) * 10 + k
    ];
  // Σ1, Σa, Σb, Σc, Σaa, Σab, …: one row per cell.
  const [i, j] = [789, 456];
  const c = 1 + ((i * j) % 10);
  const row = [1, i, j, c, i * i, i * j, i * c, j * j, j * c, c * c];
  expect(row.map((_, k) => word(i, j, k))).toEqual(row.map(BigInt));
  expect(local.contributes.reduce((sum, one) => sum + one, 0)).toBe((side - 1) ** 2);
});
