/**
 * `npm run test:fuzz -- --cases N [--seed S] [--only decoders|steps|http] [--processes K]`: the long run. Exit 1 when a
 * promise broke; the same seed and count repeat it. A case of a whole computation (steps) costs as much as a hundred
 * others and gets a hundredth of them. The routes are shared out to K processes, each with a network of its own.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { toolOptions, wrongOptions } from "../boot/tool-options.ts";
import { fuzzDecoders } from "./_decoders.ts";
import { fuzzWorld, type Shard } from "./_http.ts";
import type { Figures, Plan } from "./_run.ts";
import { fuzzSteps } from "./_steps.ts";
import { createFuzzWorld } from "./_world.ts";

interface Part {
  /** Of all cases. */
  readonly share: number;
  /** How many failures it found. */
  readonly fuzz: (name: string, plan: Plan) => Promise<number>;
}

const PARTS: Readonly<Record<string, Part>> = {
  decoders: { share: 0.5, fuzz: (name, plan) => reported(name, fuzzDecoders(plan)) },
  steps: { share: 0.01, fuzz: (name, plan) => reported(name, fuzzSteps(plan)) },
  http: { share: 0.49, fuzz: inProcesses },
};

async function reported(name: string, fuzzing: Promise<readonly Figures[]>): Promise<number> {
  const startedAt = performance.now();
  const figures = await fuzzing;
  const failures = figures.flatMap((one) => one.failures);
  for (const failure of failures) console.log(`\n${failure}`);
  const tried = figures.reduce((sum, one) => sum + one.cases, 0);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`${name}: ${figures.length} targets, ${tried} cases, ${failures.length} broken promises, ${seconds} s`);
  return failures.length;
}

async function inProcesses(_name: string, { cases, seed }: Plan): Promise<number> {
  const children = Array.from({ length: processes }, (_, at) =>
    fork(fileURLToPath(import.meta.url), [
      ...["--only", "http", "--cases", String(cases), "--seed", String(seed)],
      ...["--shard", `${at}/${processes}`],
    ]),
  );
  const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0] as number | null));
  return codes.filter((code) => code !== 0).length;
}

async function fuzzHttp(plan: Plan, shard: Shard): Promise<readonly Figures[]> {
  await using world = await createFuzzWorld();
  let tried = 0;
  const onTarget = ({ what, cases, failures }: Figures) => {
    tried += cases;
    console.error(`${tried} cases, the last of ${what}`);
    for (const failure of failures) console.error(failure);
  };
  const { figures, statuses } = await fuzzWorld(world, plan, onTarget, shard);
  const answers = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
  console.log(`answers by status: ${answers.join(", ")}`);
  return figures;
}

const USAGE = `npm run test:fuzz -- [--cases N] [--seed S] [--only ${Object.keys(PARTS).join("|")}] [--processes K]`;
const values = toolOptions(USAGE, {
  cases: { type: "string", default: "100000" },
  seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
  only: { type: "string" },
  processes: { type: "string", default: String(availableParallelism()) },
  /** This process's part of the routes: `at/of`. */
  shard: { type: "string" },
});
const cases = Number(values.cases);
const seed = Number(values.seed);
const processes = Number(values.processes);
const parts = Object.entries(PARTS).filter(([name]) => values.only === undefined || values.only === name);
const isNumber = (value: number) => Number.isSafeInteger(value) && value >= 1;
if (!isNumber(cases) || !Number.isSafeInteger(seed) || !isNumber(processes) || parts.length === 0) {
  wrongOptions(
    USAGE,
    "--cases and --processes: whole numbers from 1; --seed: a whole number; --only: one of those below",
  );
}

let failed = 0;
if (values.shard === undefined) {
  console.error(`seed ${seed}`);
  for (const [name, { share, fuzz }] of parts) {
    failed += await fuzz(name, { cases: Math.ceil(parts.length === 1 ? cases : cases * share), seed });
  }
} else {
  const [at, of] = values.shard.split("/").map(Number) as [number, number];
  failed = await reported(`http ${values.shard}`, fuzzHttp({ cases, seed }, { at, of }));
}
process.exitCode = failed === 0 ? 0 : 1;
