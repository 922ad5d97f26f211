import { mkdtemp, realpath, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RowBatch } from "../../exchange/statistics/source.ts";
import { openSource } from "../sources/open.ts";
import { createOwnTables } from "./own-tables.ts";

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "own-tables-")));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a file that was only touched is read again without an error, a changed one is refused", async () => {
  const path = join(folder, "table.csv");
  await writeFile(path, "n\n1\n2\n");
  const open = () => openSource({ kind: "csv", path }, { scratch: join(folder, "scratch") });
  const first = await open();
  const record = { asset: { version: 1 }, fingerprint: await first.fingerprint() };
  await first.close();
  const tables = createOwnTables({
    assets: { open } as never,
    openStore: () => ({ get: async () => record }) as never,
  });
  const rows = async (): Promise<number> => {
    let seen = 0;
    const take = (batch: RowBatch) => {
      seen += batch.rows.length;
    };
    await tables.read("a:t", { text: "SELECT n FROM source", parameters: [] }, take);
    return seen;
  };
  expect(await rows()).toBe(2);
  await utimes(path, new Date(0), new Date(0));
  expect(await rows()).toBe(2);
  await writeFile(path, "n\n1\n3\n");
  await expect(rows()).rejects.toMatchObject({ code: "ERR_SOURCE_CHANGED" });
  await tables.close();
});
