import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cacheFolder } from "./keep-compiled.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "sealane-home-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

test("compiled code is kept in the user's own cache folder", () => {
  expect(cacheFolder({}, () => home)).toBe(join(home, ".cache", "sealane"));
  const caches = join(home, "elsewhere");
  expect(cacheFolder({ XDG_CACHE_HOME: caches }, () => home)).toBe(join(caches, "sealane"));
});

test("a relative folder is never used: whoever owns the current one could put code there", () => {
  expect(cacheFolder({ XDG_CACHE_HOME: "caches" }, () => home)).toBe(join(home, ".cache", "sealane"));
  expect(cacheFolder({ XDG_CACHE_HOME: "caches" }, () => "")).toBeUndefined();
});

test("a folder that others may write to is not used, nor one whose parent they may", async () => {
  const folder = join(home, ".cache", "sealane");
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o777);
  expect(cacheFolder({}, () => home)).toBeUndefined();
  await chmod(folder, 0o700);
  await chmod(join(home, ".cache"), 0o775);
  expect(cacheFolder({}, () => home)).toBeUndefined();
  await chmod(join(home, ".cache"), 0o755);
  expect(cacheFolder({}, () => home)).toBe(folder);
});

test("without a home directory nothing is kept and nothing fails", () => {
  const homeless = () => {
    throw new Error("uv_os_homedir returned ENOENT");
  };
  expect(cacheFolder({}, homeless)).toBeUndefined();
});
