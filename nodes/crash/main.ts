/**
 * `npm run test:crash -- --rounds N [--networks K] [--seed S] [--only WHAT] [--json] [--dir FOLDER]`. Ctrl-C ends it
 * after the present rounds. Exit 1 when a promise was broken; the folder stays then.
 */
import { mkdtemp } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { toolOptions, wrongOptions } from "../boot/tool-options.ts";
import { MAX_ROUNDS } from "./data.ts";
import { ONLY } from "./plan.ts";
import { planText, runCrashes } from "./runner.ts";

const USAGE = `npm run test:crash -- [--rounds N] [--networks K] [--seed S] [--only ${ONLY.join("|")}] [--json] [--dir FOLDER]`;
const values = toolOptions(USAGE, {
  rounds: { type: "string", default: "20" },
  networks: { type: "string", default: String(Math.min(4, availableParallelism())) },
  seed: { type: "string", default: String(Date.now() % 100_000) },
  only: { type: "string" },
  json: { type: "boolean", default: false },
  dir: { type: "string" },
});
const rounds = Number(values.rounds);
const networks = Number(values.networks);
const seed = Number(values.seed);
if (!Number.isSafeInteger(rounds) || rounds < 1 || rounds > MAX_ROUNDS || !Number.isSafeInteger(seed)) {
  wrongOptions(USAGE, `--rounds: a whole number from 1 to ${MAX_ROUNDS}; --seed: a whole number`);
}
if (!Number.isSafeInteger(networks) || networks < 1) wrongOptions(USAGE, "--networks: a whole number from 1");
const only = ONLY.find((one) => one === values.only);
if (values.only !== undefined && only === undefined) wrongOptions(USAGE, `--only: one of ${ONLY.join(", ")}`);
const dir = values.dir ?? (await mkdtemp(join(tmpdir(), "sealane-crash-")));
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort());
const note = (text: string): void => console.error(text);
note(`seed ${seed}, ${rounds} rounds over ${networks} networks in ${dir}`);
const report = await runCrashes({
  rounds,
  networks,
  seed,
  ...(only === undefined ? {} : { only }),
  dir,
  stepMs: 10_000,
  releaseMs: 15_000,
  limitMs: 300_000,
  note,
  signal: stop.signal,
});
const { broken, ends } = report;
if (broken !== undefined) {
  const where = broken.plan === undefined ? "at the end" : `round ${broken.plan.round}: ${planText(broken.plan)}`;
  note(`BROKEN: seed ${seed}, ${where}; folders of the network and its nodes.log are under ${dir}`);
  for (const problem of broken.problems) note(`  ${problem}`);
  process.exitCode = 1;
}
if (values.json) {
  console.log(JSON.stringify(report));
} else {
  const { passed, strikes, missed, records, unmaskings, disks, roundP50Ms, roundP95Ms, ms } = report;
  console.log(`${passed} of ${rounds} rounds passed, seed ${seed}; requests ended: ${JSON.stringify(ends)}`);
  console.log(`${strikes} strikes, ${missed} whose moment did not come; disks ${disks}; ${records} records`);
  console.log(
    `${unmaskings} unmask messages, none twice with other shares; round p50 ${roundP50Ms} ms, p95 ${roundP95Ms} ms; ${(ms / 60_000).toFixed(1)} min`,
  );
}
