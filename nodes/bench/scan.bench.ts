/** Local statistics over a CSV table: our compiled SELECT against the plain SQL an analyst would write over the file. */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import { compileSql } from "../../exchange/statistics/sql.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { openSource } from "../sources/open.ts";
import { defineBench, medianMs } from "./bench.ts";

const GROUPS = ["a", "b", "c", "d"];

export const scanBench = defineBench({ rows: { full: 10_000_000, tiny: 1_000 } }, async ({ tiny, sizes, note }) => {
  const { rows } = sizes;
  const runs = tiny ? 1 : 3;
  const folder = await realpath(await mkdtemp(join(tmpdir(), "sealane-scan-")));
  try {
    const path = join(folder, "table.csv");
    note(`writing ${rows} rows`);
    await writeTable(path, rows);
    const plain = await plainMs(path, runs);
    const ours = await oursMs(path, folder, runs);
    return {
      parameters: { rows, runs, threads: 2 },
      results: [
        { metric: "scanRatio", value: ours / plain, unit: "x", target: { atMost: 1.2 } },
        { metric: "scanMs", value: ours, unit: "ms" },
        { metric: "plainMs", value: plain, unit: "ms" },
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

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

async function plainMs(path: string, runs: number): Promise<number> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
  const connection = await instance.connect();
  const sql = `SELECT grp, count(*), sum(amount) FROM read_csv('${path}', header = true,
    columns = {'grp': 'VARCHAR', 'amount': 'DECIMAL(18,2)'}) GROUP BY grp`;
  try {
    return await medianMs(runs, () => connection.runAndReadAll(sql));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Opening the sandbox and checking the file count: the analyst's query does neither, the node always does. */
async function oursMs(path: string, scratch: string, runs: number): Promise<number> {
  const query = {
    measures: [{ id: "total", statistic: { kind: "sum" as const, element: "amount" } }],
    groupBy: [{ element: "grp" }],
    filters: [],
  };
  const layout = compileLayout({ query, assets: [ASSET], attributes: {} });
  return await medianMs(runs, async () => {
    const source = await openSource({ kind: "csv", path }, { scratch, threads: 2 });
    try {
      await source.select(compileSql(layout, ASSET));
    } finally {
      await source.close();
    }
  });
}

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
