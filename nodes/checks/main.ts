/** `npm run check [NAME…]`: every check of the repository, or the named ones. Exit 1 when anything is found. */
import { fileURLToPath } from "node:url";
import { ambient } from "./ambient.ts";
import type { Check } from "./finding.ts";
import { importRules } from "./import-rules.ts";
import { leftovers } from "./leftovers.ts";
import { lockFile } from "./lock-file.ts";
import { lintAndFormat, types, unusedExports } from "./programs.ts";
import { promises } from "./promises.ts";
import { translations } from "./translations.ts";

const CHECKS: Readonly<Record<string, Check>> = {
  types,
  lint: lintAndFormat,
  imports: importRules,
  ambient,
  unused: unusedExports,
  translations,
  lock: lockFile,
  leftovers,
  promises,
};

const root = fileURLToPath(new URL("../..", import.meta.url));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in CHECKS));
if (unknown.length > 0) {
  console.error(`unknown check ${unknown.join(", ")}; there are ${Object.keys(CHECKS).join(", ")}`);
  process.exit(2);
}

let failed = 0;
for (const [name, check] of Object.entries(CHECKS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const started = performance.now();
  const { findings, summary } = await check(root);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${findings.length === 0 ? "ok  " : "FAIL"}  ${name.padEnd(12)} ${seconds.padStart(5)} s  ${summary}`);
  for (const { where, what } of findings) console.log(`      ${where}: ${what.replaceAll("\n", "\n      ")}`);
  failed += findings.length;
}
process.exitCode = failed === 0 ? 0 : 1;
