/** Files that were sent to a node, long after their transfers are over. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sealane } from "../cli/_transcript.ts";
import { CONSUMER, createPair, type Pair, PROVIDER, releasedText, type TransferView } from "./_pair.ts";

const KEPT_MS = 3_000;
let pair: Pair;
beforeAll(async () => {
  pair = await createPair(20, { dataspace: { keptMs: KEPT_MS } });
}, 240_000);
afterAll(() => pair.close());

const run = (line: string) => sealane(`${line} --dir ${join(pair.net.dir, CONSUMER)}`, { cwd: pair.net.dir });
const known = async (member: string) =>
  (await pair.json<{ transfers: readonly TransferView[] }>(member, "GET", "/transfers")).transfers.length;

test("what a provider has sent can be fetched when its transfer was forgotten there, until it is erased here", async () => {
  const { transfer } = await pair.begin({ format: "HttpData-PUSH" }, ["COMPLETED"]);
  await expect.poll(() => known(PROVIDER), { timeout: 60_000, interval: 200 }).toBe(0);
  const answer = await pair.api(CONSUMER, "GET", `/transfers/${transfer}/data`);
  expect([answer.status, await answer.text()]).toEqual([200, releasedText(20)]);

  const listed = await run("transfer received --json");
  const bytes = releasedText(20).length;
  const file = { transfer, bytes, of: bytes, complete: true, peer: PROVIDER, asset: "alpha:panel" };
  expect(JSON.parse(listed.stdout)).toMatchObject({ files: [file] });
  expect((await run("transfer received --lang zh-CN")).stdout).toContain("保存天数");
  expect(await run(`transfer erase ${transfer} --lang zh-CN`)).toMatchObject({ exitCode: 0, stdout: "文件已删除。\n" });
  expect(await readdir(join(pair.net.dir, CONSUMER, "received"))).toEqual([]);
  expect(await run(`transfer erase ${transfer}`)).toMatchObject({ exitCode: 1 });
  await expect.poll(() => known(CONSUMER), { timeout: 60_000, interval: 200 }).toBe(0);
});
