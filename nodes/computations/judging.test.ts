import { afterAll, beforeAll, expect, test } from "vitest";
import { type OutcomeInputs, resultOf } from "../../exchange/computations/outcome.ts";
import { createReleasedSums, type ReleasedSums } from "../../exchange/computations/released-sums.ts";
import { assetOf } from "../../exchange/statistics/_fixtures.ts";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import { loadSolver, type Solver } from "../../policies/disclosure/solver.ts";
import { outputTerms, strictestOutput } from "../../policies/model/output-terms.ts";
import { createJudging, type JudgedInputs } from "./judging.ts";

const PER_SECTOR = 4;
const output = strictestOutput([outputTerms({ dominance: [{ largest: "1", percent: "60" }] })]);

/** Output by sector, four organisations each; in every third of them one has nearly all. */
function table(sectors: number, earlier: Pick<ReleasedSums, "like">, bySector = true) {
  const names = Array.from({ length: sectors }, (_, at) => `s${at}`);
  const assets = Array.from({ length: PER_SECTOR * sectors }, (_, at) => assetOf(at, 30));
  const members = assets.map(({ provider }) => provider);
  const query = {
    measures: [{ id: "output", statistic: { kind: "sum", element: "output" } as const }],
    groupBy: bySector ? [{ attribute: "sector" }] : [],
    filters: [],
  };
  const layout = compileLayout({ query, assets, attributes: { sector: names }, withSquares: true });
  const held = names.map((_, at) => (at % 3 === 0 ? [9000 + at, 40, 30, 20] : [300 + at, 290, 280, 270]));
  const cells = bySector ? held : [held.flat()];
  const words = cells.flatMap((values) =>
    layout.components.flatMap(({ word, words: width }) => [
      values.reduce((sum, value) => sum + BigInt(value) ** (word.kind === "squares" ? 2n : 1n), 0n),
      ...(width === 2 ? [0n] : []),
    ]),
  );
  return {
    opened: {
      request: "r",
      computation: "c",
      receiver: "bureau",
      constants: { need: 3, minimumUnits: 0, colluders: 0 },
      cells: { mode: "registry", dimensions: layout.dimensions },
    },
    layout,
    assets,
    parties: {
      attributes: Object.fromEntries(members.map((one, at) => [one, { sector: names[Math.floor(at / PER_SECTOR)]! }])),
      // What the node has beside it is not for another thread.
      isOurs: () => true,
    },
    decoded: {
      computation: "c",
      survivors: members,
      cells: cells.map(({ length }, atom) => ({ atom, organisations: length })),
      words: BigUint64Array.from(words),
      complements: [],
      transcriptDigest: "A".repeat(43),
    },
    dropped: 0,
    earlier,
    output,
    groups: {},
  } as unknown as JudgedInputs & Pick<OutcomeInputs, "groups">;
}

const itself = async () => ({});
const judging = createJudging(itself);
let solver: Solver;
beforeAll(async () => {
  solver = await loadSolver();
});
afterAll(() => judging[Symbol.asyncDispose]());

test("what a worker says is what the rules say, also of a table beside an earlier total", async () => {
  const earlier = createReleasedSums();
  expect(await judging.judge(table(3, earlier))).toEqual(resultOf({ ...table(3, earlier), solver }));
  const total = resultOf({ ...table(3, earlier, false), solver });
  earlier.add({ equations: total.outcome.equations });
  const beside = await judging.judge(table(3, earlier));
  expect(beside).toEqual(resultOf({ ...table(3, earlier), solver }));
  expect(beside.outcome.withheldFigures.map(({ rules: [rule] }) => rule)).toContain("protection-interval");
});

test("this thread goes on with other work while a large table is judged", async () => {
  const earlier = createReleasedSums();
  const total = resultOf({ ...table(90, earlier, false), solver });
  earlier.add({ equations: total.outcome.equations });
  judging.warm();
  const turns = [performance.now()];
  const other = setInterval(() => turns.push(performance.now()), 1);
  const { outcome } = await judging.judge(table(90, earlier));
  clearInterval(other);
  expect(outcome.withheldFigures.length).toBeGreaterThanOrEqual(30);
  turns.push(performance.now());
  const longest = Math.max(...turns.slice(1).map((turn, at) => turn - turns[at]!));
  // Judged on this thread it would be nearly all of the time.
  expect(longest).toBeLessThan((turns.at(-1)! - turns[0]!) / 2);
});

test("a worker that does not end is ended, and the next result has a new one", async () => {
  const earlier = createReleasedSums();
  const impatient = createJudging(itself, { judgingMs: 5_000, wholeMs: 1 });
  await expect(impatient.judge(table(3, earlier))).rejects.toThrow("has ended");
  await impatient[Symbol.asyncDispose]();
  expect((await judging.judge(table(3, earlier))).outcome.kind).toBe("released");
});
