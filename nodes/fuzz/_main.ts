/**
 * `npm run test:fuzz -- --cases N [--seed S] [--only decoders|steps|http]`: the long run. Exit 1 when a promise broke; the
 * same seed and count repeat it. A case of
 * a whole computation (steps) costs as much as a hundred others and gets a hundredth of them.
 */
import { parseArgs } from "node:util";
import { fuzzDecoders } from "./_decoders.ts";
import { fuzzWorld } from "./_http.ts";
import type { Figures, Plan } from "./_run.ts";
import { fuzzSteps } from "./_steps.ts";
import { createFuzzWorld } from "./_world.ts";

interface Part {
  /** Of all cases. */
  readonly share: number;
  readonly fuzz: (plan: Plan) => Promise<readonly Figures[]>;
}

const PARTS: Readonly<Record<string, Part>> = {
  decoders: { share: 0.5, fuzz: fuzzDecoders },
  steps: { share: 0.01, fuzz: fuzzSteps },
  http: { share: 0.49, fuzz: fuzzHttp },
};

async function fuzzHttp(plan: Plan): Promise<readonly Figures[]> {
  await using world = await createFuzzWorld();
  let tried = 0;
  const { figures, statuses } = await fuzzWorld(world, plan, ({ what, cases, failures }) => {
    tried += cases;
    console.error(`${tried} cases, the last of ${what}`);
    for (const failure of failures) console.error(failure);
  });
  const answers = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
  console.log(`answers by status: ${answers.join(", ")}`);
  return figures;
}

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    only: { type: "string" },
  },
});
const cases = Number(values.cases);
const seed = Number(values.seed);
const parts = Object.entries(PARTS).filter(([name]) => values.only === undefined || values.only === name);
if (!Number.isSafeInteger(cases) || cases < 1 || !Number.isSafeInteger(seed) || parts.length === 0) {
  console.error(`usage: --cases N [--seed S] [--only ${Object.keys(PARTS).join("|")}]`);
  process.exit(2);
}

console.error(`seed ${seed}`);
let failed = 0;
for (const [name, { share, fuzz }] of parts) {
  const startedAt = performance.now();
  const figures = await fuzz({ cases: Math.ceil(parts.length === 1 ? cases : cases * share), seed });
  const failures = figures.flatMap((one) => one.failures);
  for (const failure of failures) console.log(`\n${failure}`);
  const tried = figures.reduce((sum, one) => sum + one.cases, 0);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`${name}: ${figures.length} targets, ${tried} cases, ${failures.length} broken promises, ${seconds} s`);
  failed += failures.length;
}
process.exitCode = failed === 0 ? 0 : 1;
