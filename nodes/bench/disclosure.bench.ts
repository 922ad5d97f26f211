/** Output disclosure control: what the rule on Σx and Σx² withholds needlessly, and tables protected and audited. */
import { exposuresOf } from "../../policies/disclosure/attack.ts";
import type { AttackedTable, Attacker, Protection } from "../../policies/disclosure/attackers.ts";
import { type ConcentrationRule, isConcentrated, mayBeConcentrated } from "../../policies/disclosure/concentration.ts";
import { type CellSums, contributorValues, sumsOf } from "../../policies/disclosure/contributors.ts";
import { largestContributors } from "../../policies/disclosure/largest-contributors.ts";
import { primaryCells } from "../../policies/disclosure/primary.ts";
import { flatAxis, shapeOf } from "../../policies/disclosure/shape.ts";
import { loadSolver, type Solver } from "../../policies/disclosure/solver.ts";
import { suppress } from "../../policies/disclosure/suppress.ts";
import { defineBench, type Metric } from "./bench.ts";

const RULE: ConcentrationRule = { kind: "p-percent", percent: { numerator: 10n, denominator: 1n } };
const PROTECTION: Protection = { share: 0.1, least: 1 };
const SIGMA = 1.5;

export const disclosureBench = defineBench(
  {
    cells: { full: 200_000, tiny: 2_000 },
    contributors: { full: 10, tiny: 10 },
    side: { full: 50, tiny: 6 },
    seed: { full: 1, tiny: 1 },
  },
  async ({ tiny, sizes, note }) => {
    const random = normalDraws(sizes.seed);
    const { withheldShare, unsafeReleased } = withheldBySums(sizes.cells, sizes.contributors, random);
    const results: Metric[] = [
      { metric: "safeCellsWithheldShare", value: withheldShare, unit: "of safe cells", target: { atMost: 0.12 } },
      { metric: "unsafeCellsReleased", value: unsafeReleased, unit: "cells", target: { atMost: 0 } },
    ];
    const solver = await loadSolver();
    const shapes = tiny
      ? [
          [4, 4],
          [sizes.side, sizes.side],
          [3, 3, 2],
        ]
      : [
          [10, 10],
          [sizes.side, sizes.side],
          [20, 20, 10],
        ];
    for (const lengths of shapes) {
      const name = lengths.join("x");
      note(`table ${name}`);
      results.push(...protectedTable(name, lengths, random, solver));
    }
    return { parameters: { ...sizes, sigma: SIGMA, rule: "p = 10 %", protection: "10 %" }, results };
  },
);

function withheldBySums(cells: number, contributors: number, random: () => number) {
  let safe = 0;
  let withheld = 0;
  let unsafeReleased = 0;
  for (let cell = 0; cell < cells; cell++) {
    const values = lognormalCell(contributors, random);
    const isUnsafe = isConcentrated(values, RULE);
    const isWithheld = mayBeConcentrated(sumsOf(values), RULE);
    if (isUnsafe && !isWithheld) unsafeReleased++;
    if (!isUnsafe) safe++;
    if (!isUnsafe && isWithheld) withheld++;
  }
  return { withheldShare: withheld / safe, unsafeReleased };
}

/** A table with margins whose cells have 4 to 13 contributors, each of them in one cell. */
function protectedTable(name: string, lengths: readonly number[], random: () => number, solver: Solver): Metric[] {
  const shape = shapeOf(
    lengths.map((length, axis) =>
      flatAxis(
        `axis-${axis}`,
        Array.from({ length }, (_, code) => `code-${code}`),
      ),
    ),
  );
  const facts: CellSums[] = shape.cells.map(() => ({ organisations: 0, total: 0n, squares: 0n }));
  for (const [index, cell] of shape.inner.entries()) {
    const sums = sumsOf(lognormalCell(4 + (index % 10), random));
    for (const above of shape.above(cell)) {
      const before = facts[above]!;
      facts[above] = {
        organisations: before.organisations + sums.organisations,
        total: before.total + sums.total,
        squares: before.squares + sums.squares,
      };
    }
  }
  const table: AttackedTable = { values: facts.map(({ total }) => Number(total)), relations: shape.relations };
  const rules = { minimumOrganisations: 5, minimumUnits: 0, concentration: [RULE], zerosTell: true };
  const primary = new Set(primaryCells(facts, shape.relations, rules).keys());
  const attackers: readonly Attacker[] = largestContributors(shape, facts, "one-cell");
  const protect = timed(() =>
    suppress({ table, primary, fixed: new Set(), attackers, protection: PROTECTION }, solver),
  );
  const result = protect.value;
  if (result.kind !== "protected")
    throw new Error(`table ${name}: cells ${result.cells.join(", ")} cannot be protected`);
  const audit = timed(() => exposuresOf(table, new Set(result.withheld), attackers, PROTECTION, solver));
  const isBar = name === "50x50";
  const share = (cells: number) => cells / table.values.length;
  return [
    { metric: `disclosure${name}Ms`, value: protect.ms, unit: "ms", ...(isBar ? { target: { atMost: 60_000 } } : {}) },
    { metric: `audit${name}Ms`, value: audit.ms, unit: "ms", ...(isBar ? { target: { atMost: 10_000 } } : {}) },
    { metric: `exposures${name}`, value: audit.value.length, unit: "cells", target: { atMost: 0 } },
    { metric: `primary${name}`, value: share(primary.size), unit: "of cells" },
    { metric: `complementary${name}`, value: share(result.complementary.length), unit: "of cells" },
    { metric: `informationLost${name}`, value: result.lost.complementaryShare, unit: "of Σ log₂(1 + value)" },
  ];
}

/** Processor time: other work on the machine does not count. */
function timed<T>(run: () => T): { readonly value: T; readonly ms: number } {
  const before = process.cpuUsage();
  const value = run();
  const { user, system } = process.cpuUsage(before);
  return { value, ms: (user + system) / 1000 };
}

const lognormalCell = (contributors: number, random: () => number): readonly bigint[] =>
  contributorValues(
    Array.from({ length: contributors }, (_, index) => ({
      organisation: `${index}`,
      value: BigInt(Math.round(1000 * Math.exp(SIGMA * random()))),
    })),
    (organisation) => organisation,
  );

/** Standard normal, by Box and Muller over a small generator; reproducible from the seed. */
function normalDraws(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
