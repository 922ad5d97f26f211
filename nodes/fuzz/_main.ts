/**
 * `npm run test:fuzz -- --cases N [--seed S] [--only decoders|http]`: the long run. Exit 1 when a promise broke; the
 * same seed and count repeat it. Half of the cases go to decoders, half to the endpoints of a live network.
 */
import { parseArgs } from "node:util";
import { fuzzDecoders } from "./_decoders.ts";
import { fuzzHttp } from "./_http.ts";
import type { Figures, Plan } from "./_run.ts";
import { fuzzSteps } from "./_steps.ts";

const PARTS: Readonly<Record<string, (plan: Plan) => Promise<readonly Figures[]>>> = {
  decoders: fuzzDecoders,
  steps: fuzzSteps,
  http: async (plan) => (await fuzzHttp(plan)).figures,
};

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
for (const [name, fuzz] of parts) {
  const startedAt = performance.now();
  const figures = await fuzz({ cases: Math.ceil(cases / parts.length), seed });
  const failures = figures.flatMap((one) => one.failures);
  for (const failure of failures) console.log(`\n${failure}`);
  const tried = figures.reduce((sum, one) => sum + one.cases, 0);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`${name}: ${figures.length} targets, ${tried} cases, ${failures.length} broken promises, ${seconds} s`);
  failed += failures.length;
}
process.exitCode = failed === 0 ? 0 : 1;
