import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { codeDigest, decidingFiles, decidingLibraries, writtenDigest } from "./code-digest.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const IMPORT = /(?:from|import) "(?<what>[^"]+)"/g;
const importsOf = (path: string): readonly string[] =>
  [...readFileSync(join(root, path), "utf8").matchAll(IMPORT)].map(({ groups }) => groups!["what"]!);

test("the digest covers everything that the covered code imports, but Node and gRPC", () => {
  const files = decidingFiles();
  const used = new Set<string>();
  for (const path of files) {
    for (const what of importsOf(path)) {
      if (what.startsWith(".")) expect(files, `${path} imports ${what}`).toContain(join(dirname(path), what));
      else used.add(what);
    }
  }
  const libraries = [...used].filter((what) => !what.startsWith("node:") && what !== "@grpc/grpc-js");
  const covered = (what: string) => decidingLibraries().some((name) => what === name || what.startsWith(`${name}/`));
  expect(libraries.length).toBeGreaterThan(4);
  expect(libraries.filter((what) => !covered(what))).toEqual([]);
});

test("libraries of the covered libraries are covered too, and the lock has each once", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly dependencies?: Readonly<Record<string, string>> }>>;
  };
  const needed = decidingLibraries().flatMap((name) =>
    Object.keys(packages[`node_modules/${name}`]?.dependencies ?? {}),
  );
  expect(needed.filter((name) => name !== "@grpc/grpc-js" && !decidingLibraries().includes(name))).toEqual([]);
  for (const name of decidingLibraries()) {
    expect(Object.keys(packages).filter((path) => path.endsWith(`node_modules/${name}`))).toHaveLength(1);
  }
});

test("another version of a covered library than the digest goes by is named, also of one that another brings", () => {
  const written = writtenDigest();
  expect(codeDigest()).toBe(written.code);
  for (const name of decidingLibraries()) {
    const libraries = { ...written.libraries, [name]: "0.0.1" };
    expect(() => codeDigest({ ...written, libraries })).toThrow(`${name}: the contract goes by 0.0.1, installed is`);
  }
});
