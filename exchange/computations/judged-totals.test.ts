import { beforeAll, expect, test } from "vitest";
import { loadSolver, type Solver } from "../../policies/disclosure/solver.ts";
import { outputTerms, strictestOutput } from "../../policies/model/output-terms.ts";
import { judgeTotals, type PresentTotal } from "./judged-totals.ts";
import type { SumEquation, TotalFacts } from "./release-check.ts";
import type { Step } from "./steps.ts";

const output = strictestOutput([outputTerms({ dominance: [{ largest: "1", percent: "60" }] })]);
const MEMBERS = ["a", "b", "c", "d", "e", "f"];
let solver: Solver;
beforeAll(async () => {
  solver = await loadSolver();
});

/** Values in yuan, as a computation that counts in these steps sees their sums. */
function factsOf(values: readonly bigint[], steps: readonly Step[] | undefined, stepsOfYuan: (yuan: bigint) => bigint) {
  const held = values.map(stepsOfYuan);
  const facts: TotalFacts = {
    ...(steps === undefined ? {} : { steps }),
    organisations: held.length,
    total: `${held.reduce((sum, value) => sum + value, 0n)}`,
    squares: `${held.reduce((sum, value) => sum + value * value, 0n)}`,
  };
  return facts;
}
const fen = (values: readonly bigint[]) => factsOf(values, [{ unit: "CNY", scale: 2 }], (yuan) => yuan * 100n);
const tenThousand = (values: readonly bigint[]) =>
  factsOf(values, [{ unit: "CNY-10k", scale: 1 }], (yuan) => yuan / 1_000n);
const old = (values: readonly bigint[]) => factsOf(values, undefined, (yuan) => yuan);
const kilograms = (values: readonly bigint[]) => factsOf(values, [{ unit: "kg", scale: 0 }], (yuan) => yuan);

const even = [400_000n, 300_000n, 300_000n];
const uneven = [9_000_000n, 500_000n, 500_000n];
type Seen = typeof fen;

/** A part that was told, and then the total: is it withheld? */
function judged(rest: readonly bigint[], before: Seen, now: Seen): string | undefined {
  const earlier: SumEquation = { id: "part", record: "r", contributors: MEMBERS.slice(0, 3), facts: before(even) };
  const large = even.map((value) => value * 10n);
  const total: PresentTotal = {
    atom: 0,
    component: 0,
    record: "r",
    contributors: MEMBERS,
    facts: now([...large, ...rest]),
  };
  const told = { ...earlier, facts: before(large) };
  return judgeTotals([total], [told], { output, need: 3, groups: {}, solver, isLate: () => false }).get(total);
}

test("what a total leaves beside a part is judged in one step, whatever cohort counted in which", () => {
  for (const before of [fen, tenThousand]) {
    for (const now of [fen, tenThousand]) {
      expect(judged(uneven, before, now)).toBe("protection-interval");
      expect(judged(even, before, now)).toBeUndefined();
    }
  }
});

test("beside a sum whose step is not known, or of another kind, nothing is proven", () => {
  expect(judged(even, old, fen)).toBe("protection-interval");
  expect(judged(even, kilograms, fen)).toBe("protection-interval");
});
