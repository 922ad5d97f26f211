/** `npm run bench -- NAME [--on fabric] [--json] [--tiny] [--SIZE NUMBER]`. Exit 1 when a target is missed, 2 when there is no such benchmark. */
import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { renderTable } from "../cli/table.ts";
import { type Bench, type BenchReport, type Machine, reportOf } from "./bench.ts";
import { BENCHES } from "./benches.ts";
import { ledgerOnFabricBench } from "./ledger-on-fabric.bench.ts";
import { requestOnFabricBench } from "./request.bench.ts";

/** `--on fabric`: the same on another ledger. */
const ON_FABRIC: Readonly<Record<string, Bench>> = { ledger: ledgerOnFabricBench, request: requestOnFabricBench };

const [name = "", ...given] = process.argv.slice(2);
const onFabric = given[0] === "--on" && given[1] === "fabric";
const words = onFabric ? given.slice(2) : given;
const benches = onFabric ? ON_FABRIC : BENCHES;
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;

if (bench === undefined) {
  const names = `${Object.keys(BENCHES).join(", ")}; on Fabric ${Object.keys(ON_FABRIC).join(", ")}`;
  console.error(`npm run bench -- NAME [--on fabric] [--json] [--tiny]; NAME is one of ${names}`);
  process.exitCode = 2;
} else {
  const flags = flagsOf(bench, words);
  if (typeof flags === "string") {
    console.error(`${flags}\nnpm run bench -- ${name} [--json] [--tiny] ${usage(bench)}`);
    process.exitCode = 2;
  } else {
    const run = await bench.run({ ...flags, note: (text) => console.error(text) });
    const report = reportOf(onFabric ? `${name} on fabric` : name, commit(), machine(), run);
    console.log(flags.json ? JSON.stringify(report) : human(report));
    process.exitCode = report.results.some(({ ok }) => ok === false) && !flags.tiny ? 1 : 0;
  }
}

function usage({ sizes }: Bench): string {
  return Object.entries(sizes)
    .map(([size, { full }]) => `[--${size} ${full}]`)
    .join(" ");
}

/** What is wrong with the flags, or what they say. */
function flagsOf({ sizes }: Bench, args: string[]) {
  try {
    const named = Object.keys(sizes).map((size) => [size, { type: "string" as const }]);
    const options = { json: { type: "boolean" as const }, tiny: { type: "boolean" as const } };
    const { values } = parseArgs({ args, options: { ...options, ...Object.fromEntries(named) } });
    const { json = false, tiny = false, ...rest } = values as { json?: boolean; tiny?: boolean };
    const given = Object.fromEntries(Object.entries<string>(rest).map(([size, value]) => [size, Number(value)]));
    const bad = Object.keys(given).find((size) => !Number.isSafeInteger(given[size]) || given[size]! < 1);
    return bad === undefined ? { json, tiny, given } : `--${bad}: a whole number from 1 is wanted`;
  } catch (error) {
    return (error as Error).message;
  }
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
