/** The files of the repository that checks read: everything git tracks or would track. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
export const SOURCE_FOLDERS = ["crypto", "policies", "chaincode", "ledger", "exchange", "nodes"] as const;

/** Paths relative to `root`, with "/" and in ascending order; ignored and deleted files are left out. */
export async function repositoryFiles(root: string): Promise<readonly string[]> {
  const names = (await trackedFiles(root)) ?? (await walkedFiles(root));
  const present = await Promise.all(
    names.map(async (name) => (await stat(join(root, name)).catch(() => undefined))?.isFile() === true),
  );
  return names.filter((_, index) => present[index]).sort();
}

/** Undefined outside a git work tree. */
async function trackedFiles(root: string): Promise<readonly string[] | undefined> {
  if (!existsSync(join(root, ".git"))) return undefined;
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const { stdout } = await run("git", list, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  return [...new Set(stdout.split("\0").filter((name) => name !== ""))];
}

async function walkedFiles(root: string): Promise<readonly string[]> {
  const names = await readdir(root, { recursive: true });
  return names.map((name) => name.replaceAll("\\", "/")).filter((name) => !/^(?:node_modules|dist)\//.test(name));
}

export const isTypeScript = (path: string): boolean => /\.tsx?$/.test(path) && inSourceFolder(path);

export const inSourceFolder = (path: string): boolean => SOURCE_FOLDERS.some((folder) => path.startsWith(`${folder}/`));

/** Tests, their helpers (`_name.ts`, conformance suites) and benchmarks: code that never runs at a user's. */
export const isTest = (path: string): boolean =>
  /\.test\.tsx?$|^nodes\/bench\//.test(path) || /(^|\/)(_[^/]*|[^/]*conformance[^/]*)(\/|\.tsx?$)/.test(path);

export const readText = (root: string, path: string): Promise<string> => readFile(join(root, path), "utf8");
