/** `npm run test:crash -- --rounds N [--seed S] [--json] [--dir FOLDER]`. Exit 1 when a promise was broken; the folder stays then. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { MAX_ROUNDS } from "./data.ts";
import { runCrashes, strikesText } from "./runner.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    json: { type: "boolean", default: false },
    dir: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
if (!Number.isSafeInteger(rounds) || rounds < 1 || rounds > MAX_ROUNDS || !Number.isSafeInteger(seed)) {
  throw new RangeError(`--rounds: a whole number from 1 to ${MAX_ROUNDS}; --seed: a whole number`);
}
const dir = values.dir ?? (await mkdtemp(join(tmpdir(), "sealane-crash-")));
const note = (text: string): void => console.error(text);
note(`seed ${seed}, ${rounds} rounds in ${dir}`);
const report = await runCrashes({ rounds, seed, dir, stepMs: 6_000, releaseMs: 10_000, limitMs: 150_000, note });
const { failure } = report;
if (failure === undefined) {
  if (values.dir === undefined) await rm(dir, { recursive: true, force: true });
} else {
  note(`FAILED: seed ${seed}, round ${failure.plan.round}: ${strikesText(failure.plan)}; folder ${dir}`);
  for (const problem of failure.problems) note(`  ${problem}`);
  process.exitCode = 1;
}
if (values.json) console.log(JSON.stringify(report));
else
  console.log(
    `${report.passed} of ${rounds} rounds passed: ${report.kills} kills, ${report.missed} not reached, ${report.records} records, ${report.unmaskings} unmaskings; ${JSON.stringify(report.ends)}; round p50 ${report.roundP50Ms} ms, p95 ${report.roundP95Ms} ms`,
  );
