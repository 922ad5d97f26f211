/**
 * Local statistics over a table of the node against the plain typed SQL that an analyst would write over the same file:
 * same engine, threads and answer, in turns. Both engines are open already; what a node does before and besides is
 * shown beside it (opening the sandbox and proving the bytes, the check of registration, memory).
 */
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import { mkdtemp, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { checkSource } from "../../exchange/catalog/check-source.ts";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import { localStatistics } from "../../exchange/statistics/local.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { SourceDescription } from "../sources/description.ts";
import { openSource } from "../sources/open.ts";
import { defineBench, percentile } from "./bench.ts";

const GROUPS = ["a", "b", "c", "d"];
const THREADS = 2;
/** Of the engine process at any time, whatever the size of the table. */
const CEILING_MIB = 512;

export const scanBench = defineBench(
  { rows: { full: 10_000_000, tiny: 1_000 }, runs: { full: 7, tiny: 1 } },
  async ({ sizes: { rows, runs }, note }) => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "sealane-scan-")));
    const instance = await DuckDBInstance.create(":memory:", { threads: String(THREADS) });
    const analyst = await instance.connect();
    try {
      const csv = { kind: "csv", path: join(folder, "table.csv") } as const;
      const parquet = { kind: "parquet", path: join(folder, "table.parquet") } as const;
      note(`writing ${rows} rows`);
      await writeTable(csv.path, rows);
      await analyst.run(`COPY (SELECT * FROM ${typed(csv)}) TO '${parquet.path}'`);
      const inCsv = await measure(csv, { rows, runs, folder, analyst, note });
      const inParquet = await measure(parquet, { rows, runs, folder, analyst, note });
      return {
        parameters: { rows, runs, threads: THREADS, csvMiB: mebibytes((await stat(csv.path)).size) },
        results: [
          { metric: "scanRatio", value: inCsv.ours / inCsv.plain, unit: "x", target: { atMost: 1.2 } },
          { metric: "scanMs", value: inCsv.ours, unit: "ms" },
          { metric: "plainMs", value: inCsv.plain, unit: "ms" },
          { metric: "openMs", value: inCsv.open, unit: "ms" },
          { metric: "registrationMs", value: inCsv.registration, unit: "ms" },
          { metric: "enginePeakMiB", value: inCsv.peakMiB, unit: "MiB", target: { atMost: CEILING_MIB } },
          { metric: "parquetScanRatio", value: inParquet.ours / inParquet.plain, unit: "x" },
          { metric: "parquetScanMs", value: inParquet.ours, unit: "ms" },
          { metric: "parquetPlainMs", value: inParquet.plain, unit: "ms" },
          { metric: "parquetRegistrationMs", value: inParquet.registration, unit: "ms" },
        ],
      };
    } finally {
      analyst.closeSync();
      instance.closeSync();
      await rm(folder, { recursive: true, force: true });
    }
  },
);

interface Setting {
  readonly rows: number;
  readonly runs: number;
  readonly folder: string;
  readonly analyst: DuckDBConnection;
  readonly note: (text: string) => void;
}

async function measure(table: SourceDescription, { rows, runs, folder, analyst, note }: Setting) {
  const asset: Asset = { ...ASSET, quality: { rows, fields: {} } };
  const layout = compileLayout({ query: QUERY, assets: [asset], attributes: {} });
  const options = { scratch: folder, threads: THREADS };
  note(`${table.kind}: registration`);
  const first = await openSource(table, options);
  const fingerprint = await first.fingerprint();
  const { ms: registration, value: check } = await timed(() => checkSource(described(asset), first));
  if (check.problems.length > 0) throw new Error(`registration: ${JSON.stringify(check.problems)}`);
  const registrationPeak = peakMiB(first.pid);
  await first.close();

  note(`${table.kind}: ${runs} runs of each in turns`);
  const { ms: open, value: source } = await timed(() => openSource(table, { ...options, fingerprint }));
  const samples: { plain: number; ours: number }[] = [];
  try {
    for (let run = 0; run < runs; run += 1) {
      const plain = await timed(() => analyst.runAndReadAll(analystSql(table)));
      const ours = await timed(() => localStatistics(layout, asset, {}, source.read));
      demandEqual([...ours.value.values], plain.value.getRowsJson());
      samples.push({ plain: plain.ms, ours: ours.ms });
    }
    const peak = Math.max(registrationPeak, peakMiB(source.pid));
    const median = (of: "plain" | "ours") =>
      percentile(
        samples.map((sample) => sample[of]),
        0.5,
      );
    return { plain: median("plain"), ours: median("ours"), open, registration, peakMiB: peak };
  } finally {
    await source.close();
  }
}

const described = ({ fields, codeTables }: Asset) => ({
  sound: fields.map((field, index) => ({ field, at: `fields/${index}` })),
  codeTables,
});

const typed = ({ kind, path }: SourceDescription): string =>
  kind === "parquet"
    ? `read_parquet('${path}')`
    : `read_csv('${path}', header = true, columns = {'grp': 'VARCHAR', 'amount': 'DECIMAL(18,2)'})`;

const analystSql = (table: SourceDescription): string =>
  `SELECT grp, count(*), sum(amount) FROM ${typed(table)} GROUP BY grp ORDER BY grp`;

/** Sums in cents, group by group. */
function demandEqual(ours: readonly bigint[], plain: readonly unknown[][]): void {
  const wanted = plain.map((row) => BigInt(String(row[2]).replace(".", "")));
  if (ours.join() !== wanted.join()) throw new Error(`the answers differ: ${ours.join()} and ${wanted.join()}`);
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly value: T }> {
  const started = performance.now();
  const value = await work();
  return { ms: performance.now() - started, value };
}

/** Most resident memory of a process so far; 0 where the system does not tell. */
function peakMiB(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

async function writeTable(path: string, rows: number): Promise<void> {
  const file = createWriteStream(path);
  file.write("grp,amount\n");
  const block = 10_000;
  for (let at = 0; at < rows; at += block) {
    const lines = Array.from({ length: Math.min(block, rows - at) }, (_, i) => {
      const cents = ((at + i) * 7919) % 1_000_000;
      return `${GROUPS[(at + i) % GROUPS.length]},${(cents / 100).toFixed(2)}\n`;
    });
    if (!file.write(lines.join(""))) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
}

const QUERY = {
  measures: [{ id: "total", statistic: { kind: "sum" as const, element: "amount" } }],
  groupBy: [{ element: "grp" }],
  filters: [],
};

const ASSET: Asset = {
  id: "bench:table",
  version: 1,
  provider: "bench",
  title: { en: "Bench" },
  keywords: [],
  fields: [
    { name: "grp", element: "grp", type: "code", codeTable: "groups" },
    {
      name: "amount",
      element: "amount",
      type: "decimal",
      scale: 2,
      unit: "EUR",
      bounds: { minimum: "0", maximum: "10000" },
    },
  ],
  codeTables: { groups: GROUPS.map((code) => ({ code })) },
  unit: { kind: "provider" },
  unitDomain: "bench",
  grade: { legal: "general", level: "L1" },
  quality: { rows: 0, fields: {} },
  sourceDigest: "A".repeat(43),
};
