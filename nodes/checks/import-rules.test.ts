import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { cyclesOf, importsOf } from "./import-graph.ts";
import { importRules } from "./import-rules.ts";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function findingsIn(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const root = await mkdtemp(join(tmpdir(), "sealane-imports-"));
  folders.push(root);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  const { findings } = await importRules(root);
  return findings.map(({ where, what }) => `${where} ${what}`);
}

const EMPTY = "export const a = 1;\n";

test("a layered repository has no findings", async () => {
  const findings = await findingsIn({
    "crypto/suites/digest.ts": 'import { createHash } from "node:crypto";\nexport const h = createHash;\n',
    "chaincode/rules/host.ts": EMPTY,
    "ledger/port.ts":
      'import { a } from "../chaincode/rules/host.ts";\nimport type { h } from "../crypto/suites/digest.ts";\n',
    "exchange/requests/submit.ts": 'import type { L } from "../../ledger/port.ts";\n',
    "nodes/runtime/start.ts": 'import { s } from "../../exchange/requests/submit.ts";\nimport fs from "node:fs";\n',
  });
  expect(findings).toEqual([]);
});

test.each([
  ["exchange/a.ts", "ledger/embedded/replica.ts", "exchange reaches the ledger only through its port"],
  ["exchange/a.ts", "chaincode/rules/host.ts", "exchange does not know the contract"],
  ["ledger/audit/verify.ts", "nodes/config/load.ts", "the verifier imports no node code"],
  ["ledger/port.ts", "crypto/secagg/member.ts", "the ledger uses suites only"],
  ["ledger/port.ts", "ledger/embedded/replica.ts", "the port knows no host"],
  ["policies/model/asset.ts", "crypto/suites/digest.ts", "policies import nothing internal"],
  ["policies/model/asset.ts", "policies/engine/decide.ts", "the model knows no engine"],
  ["chaincode/rules/host.ts", "chaincode/fabric/contract.ts", "rules know no host"],
  ["crypto/suites/suite.ts", "crypto/secagg/member.ts", "suites know no protocol"],
  ["crypto/secagg/member.ts", "policies/model/asset.ts", "crypto imports nothing internal"],
])("%s may not import %s: %s", async (from, to) => {
  const up = "../".repeat(from.split("/").length - 1);
  const findings = await findingsIn({ [from]: `\nimport type { a } from "${up}${to}";\n`, [to]: EMPTY });
  expect(findings).toHaveLength(1);
  expect(findings[0]).toContain(`${from}:2 `);
  expect(findings[0]).toContain(`may not import ${to}`);
});

test("a cycle is found when one of its edges is only a type import", async () => {
  const findings = await findingsIn({
    "crypto/he/a.ts": 'import { b } from "./b.ts";\n',
    "crypto/he/b.ts": 'import { c } from "./c.ts";\n',
    "crypto/he/c.ts": 'import type { A } from "./a.ts";\n',
  });
  expect(findings).toEqual([
    "crypto/he/a.ts import cycle (type imports count): crypto/he/a.ts - crypto/he/b.ts - crypto/he/c.ts",
  ]);
});

test("index files, and imports of one's own index, are refused", async () => {
  const findings = await findingsIn({
    "nodes/portal/index.ts": EMPTY,
    "nodes/portal/page.ts": 'import { a } from "./index.ts";\n',
  });
  expect(findings.join("\n")).toMatch(/nodes\/portal\/index.ts no index files/);
  expect(findings.join("\n")).toMatch(/nodes\/portal\/page.ts:1 .*nobody imports their own index/);
});

test("pure folders use no effectful built-in module, and their tests may", async () => {
  const findings = await findingsIn({
    "policies/engine/decide.ts": 'import { readFile } from "node:fs/promises";\n',
    "policies/engine/decide.test.ts":
      'import { readFile } from "node:fs/promises";\nimport "../../crypto/suites/x.ts";\n',
    "crypto/suites/x.ts": EMPTY,
  });
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatch(/policies\/engine\/decide.ts:1 node:fs\/promises: this folder is pure/);
});

test("a missing extension, a missing file, a test helper in code and a node in an inner test are named", async () => {
  const findings = await findingsIn({
    "nodes/a.ts": 'import "./b";\nimport "./gone.ts";\nimport "./_fixture.ts";\n',
    "nodes/_fixture.ts": EMPTY,
    "exchange/a.test.ts": 'import "../nodes/a.ts";\n',
  });
  expect(findings.map((text) => text.split(" ")[0])).toEqual([
    "exchange/a.test.ts:1",
    "nodes/a.ts:1",
    "nodes/a.ts:2",
    "nodes/a.ts:3",
  ]);
});

test("every form of import counts and comments do not", () => {
  const source = [
    'import a from "./a.ts";',
    "import {",
    "  type B,",
    '} from "./b.ts";',
    'export * from "./c.ts";',
    'export type { D } from "./d.ts";',
    'import "./e.ts";',
    'const f = await load("./f.ts");'.replace("load", "import"),
    'type G = load("./g.ts").G;'.replace("load", "import"),
    '// import h from "./h.ts";',
    "/**",
    ' * import i from "./i.ts";',
    " */",
  ].join("\n");
  const targets = importsOf("nodes/x.ts", source).map(({ target, line }) => `${target}:${line}`);
  expect(targets.sort()).toEqual(
    ["a.ts:1", "b.ts:2", "c.ts:5", "d.ts:6", "e.ts:7", "f.ts:8", "g.ts:9"].map((name) => `nodes/${name}`),
  );
});

test("two separate cycles and a self-import are three findings, a diamond is none", () => {
  const graph = new Map([
    ["a", ["b"]],
    ["b", ["a", "c"]],
    ["c", ["d", "e"]],
    ["d", ["f"]],
    ["e", ["f"]],
    ["f", []],
    ["g", ["h", "f"]],
    ["h", ["g"]],
    ["i", ["i"]],
  ]);
  expect(cyclesOf(graph)).toEqual([["a", "b"], ["g", "h"], ["i"]]);
});
