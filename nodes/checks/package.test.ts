/** The package as others get it: packed, installed in an empty folder, run there. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageVersion } from "../boot/version.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
// npm puts its own settings into the environment of the scripts it runs; the empty folder must not inherit them.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(cafile|cache|registry)$)/.test(name)),
);

let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealane-package-"));
  const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: root, env });
  tarball = join(folder, stdout.trim().split("\n").at(-1) ?? "");
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "elsewhere", private: true }));
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], { cwd: folder, env });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The installed command, under the Node that runs this test. */
async function sealane(...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> {
  const bin = join(folder, "node_modules/sealane/bin/sealane.js");
  const options = { cwd: folder, env: { PATH: process.env.PATH }, maxBuffer: 64 * 1024 * 1024 };
  return run(process.execPath, [bin, ...args], options).then(
    ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
    (error: { stdout: string; stderr: string; code: number }) => error,
  );
}

test("the package holds compiled code, texts and licence, and no test or source", async () => {
  const installed = join(folder, "node_modules/sealane");
  const names = (await readdir(installed, { recursive: true })).filter((name) => !name.startsWith("node_modules"));
  expect(names).toEqual(expect.arrayContaining(["LICENSE", "README.md", "README.zh-CN.md", "bin/sealane.js"]));
  expect(names).toEqual(expect.arrayContaining(["dist/nodes/cli/main.js", "dist/nodes/i18n/zh-CN.json"]));
  expect(names.filter((name) => /\.test\.|(^|\/)_[^/]*\.js$|\.ts$|^dist\/nodes\/checks/.test(name))).toEqual([]);
  expect(await readFile(join(installed, "LICENSE"), "utf8")).toContain("Apache License");
});

test("the installed command starts", async () => {
  expect(await sealane("--version")).toMatchObject({ code: 0, stdout: `${packageVersion()}\n` });
});

test("the installed demo runs a whole network once, every worker included, and is exact", async () => {
  const { code, stdout, stderr } = await sealane("demo", "--once", "--json");
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ leaks: 0 });
  expect(report.evidence.verified).toBe(report.evidence.bundles);
  expect(report.evidence.bundles).toBeGreaterThan(0);
  const released = report.requests.filter(({ state }: { state: string }) => state === "released");
  expect(released.length).toBeGreaterThan(0);
  expect(released.every(({ exact }: { exact: boolean }) => exact)).toBe(true);
});
