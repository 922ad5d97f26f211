/** `npm run bench -- NAME [--json] [--tiny]`. Exit 1 when a target is missed, 2 when there is no such benchmark. */
import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { renderTable } from "../cli/table.ts";
import { type BenchReport, type Machine, reportOf } from "./bench.ts";
import { BENCHES } from "./benches.ts";

const words = process.argv.slice(2);
const flags = words.filter((word) => word.startsWith("--"));
const [name = "", ...more] = words.filter((word) => !word.startsWith("--"));
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
const unknown = flags.filter((flag) => !["--json", "--tiny"].includes(flag));

if (bench === undefined || more.length > 0 || unknown.length > 0) {
  console.error(`npm run bench -- NAME [--json] [--tiny]; NAME is one of ${Object.keys(BENCHES).join(", ")}`);
  process.exitCode = 2;
} else {
  const run = await bench({ tiny: flags.includes("--tiny"), note: (text) => console.error(text) });
  const report = reportOf(name, commit(), machine(), run);
  console.log(flags.includes("--json") ? JSON.stringify(report) : human(report));
  process.exitCode = report.results.some(({ ok }) => ok === false) && !flags.includes("--tiny") ? 1 : 0;
}

function human({ bench: title, commit: at, machine: { cpus: cores, model, node }, results }: BenchReport): string {
  const columns = ["metric", "value", "unit", "target", ""];
  const rows = results.map(({ metric, value, unit, target = "", ok }) => [
    metric,
    String(Number(value.toPrecision(4))),
    unit,
    target,
    ok === undefined ? "" : ok ? "ok" : "MISSED",
  ]);
  const head = `${title} at ${at}, ${cores} x ${model}, Node ${node}`;
  return `${head}\n${renderTable(
    columns.map((column) => ({ title: column })),
    rows,
  )}`;
}

function machine(): Machine {
  const cores = cpus();
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  return { cpus: cores.length, model: cores[0]?.model ?? "unknown", memoryGiB, node: process.version };
}

/** Short hash of the checkout, with "+" when files were changed; "unknown" outside one. */
function commit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: fileURLToPath(new URL(".", import.meta.url)), encoding: "utf8", stdio: "pipe" });
  try {
    return git("rev-parse", "--short", "HEAD").trim() + (git("status", "--porcelain").trim() === "" ? "" : "+");
  } catch {
    return "unknown";
  }
}
