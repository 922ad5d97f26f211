/**
 * `npm run test:disclosure -- [--tables N] [--vectors N] [--seed S]`: the long run. Random tables are protected and
 * attacked by _plain-attacker.ts, some of them rounded too; random and adversarial cells are judged by their sums and by their values. Exit 1 when
 * anything unsafe was released; the same seed and counts repeat it.
 */
import { parseArgs } from "node:util";
import {
  P_PERCENT,
  type Random,
  randomTable,
  releaseOf,
  seededRandom,
  violationsIn,
  violationsInRounded,
} from "./_random-tables.ts";
import { type ConcentrationRule, isConcentrated, largestValueBound, mayBeConcentrated } from "./concentration.ts";
import { sumsOf } from "./contributors.ts";
import { loadSolver, type Solver } from "./solver.ts";

const { values } = parseArgs({
  options: { tables: { type: "string" }, vectors: { type: "string" }, seed: { type: "string" } },
});
const seed = Number(values.seed ?? 1);
const broken =
  attackTables(Number(values.tables ?? 10_000), await loadSolver()) + judgeVectors(Number(values.vectors ?? 1_000_000));
process.exitCode = broken === 0 ? 0 : 1;

/** Every tenth table is attacked as it would be published in multiples of this, too. */
const ROUNDING_BASE = 5;

function attackTables(count: number, solver: Solver): number {
  let whole = 0;
  let withheldCells = 0;
  let broken = 0;
  for (let index = 0; index < count; index++) {
    const table = randomTable(seededRandom(seed + index));
    const withheld = releaseOf(table, solver);
    if (withheld === undefined) {
      whole++;
      continue;
    }
    withheldCells += withheld.size;
    const rounded = index % 10 === 0 ? violationsInRounded(table, withheld, ROUNDING_BASE, solver) : [];
    const violations = [...violationsIn(table, withheld), ...rounded];
    if (violations.length > 0) console.log(`table of seed ${seed + index}: ${JSON.stringify(violations)}`);
    broken += violations.length;
  }
  console.log(`${count} tables: ${withheldCells} cells withheld, ${whole} tables whole, ${broken} broken`);
  return broken;
}

function judgeVectors(count: number): number {
  const random = seededRandom(seed);
  let released = 0;
  let broken = 0;
  for (let index = 0; index < count; index++) {
    const held = randomVector(random);
    const rule = randomRule(random);
    const sums = sumsOf(held);
    if (largestValueBound(sums) < held[0]!) broken++;
    if (mayBeConcentrated(sums, rule)) continue;
    released++;
    if (!isConcentrated(held, rule)) continue;
    broken++;
    console.log(`released although unsafe: ${held.join(" ")} under ${rule.kind}`);
  }
  console.log(`${count} cells: ${released} released by their sums, ${broken} broken`);
  return broken;
}

/** Half of them lognormal, half with one or two large values over equal ones, where the bound is tight. */
function randomVector(random: Random): readonly bigint[] {
  const whole = (most: number) => BigInt(Math.floor(random() * most));
  const count = 1 + Math.floor(random() * 15);
  const spread = 3 * random();
  const drawn =
    random() < 0.5
      ? Array.from({ length: count }, () => BigInt(Math.round(1000 * Math.exp(spread * (random() + random() - 1) * 2))))
      : [whole(10 ** 6), whole(10 ** 6), ...new Array<bigint>(count).fill(whole(10 ** 5))];
  return drawn.sort((a, b) => (a > b ? -1 : a < b ? 1 : 0));
}

function randomRule(random: Random): ConcentrationRule {
  const percent = { numerator: BigInt(1 + Math.floor(random() * 60)), denominator: 1n };
  const choice = random();
  if (choice < 0.4) return P_PERCENT;
  if (choice < 0.6) return { kind: "p-percent", percent };
  if (choice < 0.8) return { kind: "pq", percent, prior: { numerator: 70n, denominator: 1n } };
  const largest = 1 + Math.floor(random() * 3);
  return { kind: "dominance", largest, percent: { numerator: 99n - percent.numerator, denominator: 1n } };
}
