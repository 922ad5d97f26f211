/**
 * Who may import whom. Type imports count. Tests beside the code may import anything that is not nodes/, because they
 * run the real ledger and real keys; nobody imports a test.
 */
import type { Check, Finding } from "./finding.ts";
import { cyclesOf, type Import, importsOf } from "./import-graph.ts";
import { isTest, isTypeScript, readText, repositoryFiles } from "./source-files.ts";

/** From a folder (longest prefix wins) to the prefixes it may import. */
export const ZONES: Readonly<Record<string, readonly string[]>> = {
  "nodes/": ["nodes/", "exchange/", "ledger/", "policies/", "chaincode/", "crypto/"],
  "exchange/": ["exchange/", "ledger/port.ts", "policies/", "crypto/"],
  "ledger/": ["ledger/", "chaincode/rules/", "crypto/suites/"],
  "ledger/fabric/": ["ledger/", "chaincode/", "crypto/suites/"],
  "ledger/port.ts": ["chaincode/rules/", "crypto/suites/"],
  "ledger/log/": ["ledger/log/", "ledger/port.ts", "chaincode/rules/", "crypto/suites/"],
  "ledger/audit/": [
    "ledger/audit/",
    "ledger/log/",
    "ledger/port.ts",
    "ledger/contract.ts",
    "chaincode/rules/",
    "crypto/suites/",
    // Sums of a join are opened again from what was signed.
    "crypto/psi/",
  ],
  "policies/": ["policies/"],
  "policies/model/": ["policies/model/"],
  "policies/rules/": ["policies/rules/", "policies/form/", "policies/lattice/", "policies/model/"],
  "policies/form/": ["policies/form/", "policies/model/"],
  "policies/lattice/": ["policies/lattice/", "policies/model/"],
  "policies/disclosure/": ["policies/disclosure/", "policies/model/"],
  "chaincode/": ["chaincode/"],
  "chaincode/rules/": ["chaincode/rules/"],
  "crypto/": ["crypto/"],
  "crypto/suites/": ["crypto/suites/"],
};

/** Folders whose code has no I/O, with the built-in modules they may use all the same. */
const PURE = ["crypto/", "policies/", "chaincode/rules/"];
// node:os tells the byte order.
const PURE_BUILTINS = ["node:crypto", "node:buffer", "node:os"];

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export function checkImports(files: readonly SourceFile[]): readonly Finding[] {
  const known = new Set(files.map(({ path }) => path));
  const graph = new Map<string, readonly string[]>();
  const findings: Finding[] = [];
  for (const { path, text } of files) {
    const imports = importsOf(path, text);
    graph.set(
      path,
      imports.flatMap(({ target }) => target ?? []),
    );
    if (/(^|\/)index\.ts$/.test(path)) {
      findings.push({ where: path, what: "no index files: import the file that holds the thing itself" });
    }
    for (const entry of imports) {
      const what = problemOf(path, entry, known);
      if (what !== undefined) findings.push({ where: `${path}:${entry.line}`, what });
    }
  }
  for (const cycle of cyclesOf(graph)) {
    findings.push({ where: cycle[0] ?? "", what: `import cycle (type imports count): ${cycle.join(" - ")}` });
  }
  return findings;
}

function problemOf(path: string, { specifier, target }: Import, known: ReadonlySet<string>): string | undefined {
  const from = zoneOf(path);
  if (target === undefined) {
    const impure = specifier.startsWith("node:") && !PURE_BUILTINS.includes(specifier);
    return impure && !isTest(path) && PURE.some((folder) => path.startsWith(folder))
      ? `${specifier}: this folder is pure; pass the effect in from nodes/`
      : undefined;
  }
  if (!/\.(tsx?|json)$/.test(target)) return `${specifier}: a relative import ends in .ts (or .json)`;
  if (target.endsWith("/index.ts") && path.startsWith(target.slice(0, -"index.ts".length))) {
    return `${specifier}: nobody imports their own index`;
  }
  if (target.endsWith(".ts") && !known.has(target)) return `${specifier}: no such file`;
  if (isTest(target) && !isTest(path)) return `${specifier}: code never imports test helpers`;
  if (isTest(path) && !target.startsWith("nodes/")) return undefined;
  const allowed = ZONES[from] ?? [];
  if (allowed.some((prefix) => target.startsWith(prefix))) return undefined;
  return `${from} may not import ${target}; it may import ${allowed.join(", ")}`;
}

const zoneOf = (path: string): string =>
  Object.keys(ZONES)
    .filter((prefix) => path.startsWith(prefix))
    .sort((a, b) => b.length - a.length)[0] ?? "";

export const importRules: Check = async (root) => {
  const paths = (await repositoryFiles(root)).filter(isTypeScript);
  const files = await Promise.all(paths.map(async (path) => ({ path, text: await readText(root, path) })));
  return { findings: checkImports(files), summary: `${files.length} files` };
};
