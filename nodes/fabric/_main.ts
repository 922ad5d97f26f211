/**
 * `npm run test:fabric`: every test that needs Hyperledger Fabric's programs, on PATH or in FABRIC_BIN. The last line says
 * how many were skipped; without the programs that is all of them, and what is missing is named.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fabricForTests } from "./_skip.ts";

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

const fabric = await fabricForTests();
if (!("missing" in fabric)) console.log(`Hyperledger Fabric ${fabric.binaries.version}`);
const folder = mkdtempSync(join(tmpdir(), "sealane-fabric-tests-"));
const outputFile = join(folder, "report.json");
const root = fileURLToPath(new URL("../..", import.meta.url));
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const args = ["run", "--project", "slow", "nodes/fabric", "--reporter=default", "--reporter=json"];
const { status } = spawnSync(
  process.execPath,
  [vitest, ...args, `--outputFile=${outputFile}`, ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: "inherit",
  },
);
const { testResults } = JSON.parse(readFileSync(outputFile, "utf8")) as Report;
rmSync(folder, { recursive: true, force: true });
const skipped = testResults.flatMap((file) =>
  file.assertionResults.filter((one) => one.status !== "passed" && one.status !== "failed"),
);
for (const { fullName } of skipped) console.log(`skipped: ${fullName}`);
if ("missing" in fabric) console.log(`nothing was tested on Fabric: ${fabric.missing}`);
console.log(`skipped: ${skipped.length}`);
process.exitCode = status ?? 1;
