/** Attackers as a receiver must assume them that has seen sums of cells and no single contribution. */
import type { Attacker, Holding } from "./attack.ts";
import { largestValueBound } from "./concentration.ts";
import type { CellSums } from "./contributors.ts";
import type { Shape } from "./shape.ts";

/**
 * `one-cell`: each organisation is in one inner cell, as where the registry divides them: one attacker for each cell,
 * which holds there as much as the sums allow. `any-cell`: nothing is known, so one attacker holds the most everywhere;
 * whoever there is knows less than it. `facts` by cell number.
 */
export function largestContributors(
  shape: Shape,
  facts: readonly CellSums[],
  placed: "one-cell" | "any-cell",
): readonly Attacker[] {
  if (placed === "one-cell") {
    return shape.inner
      .filter((cell) => facts[cell]!.organisations > 0)
      .map((cell) => ({
        id: `largest of ${shape.cells[cell]!.join("/")}`,
        holds: new Map(shape.above(cell).map((above) => [above, holdingOf(facts[cell]!, facts[above]!)])),
      }));
  }
  const most = new Array<number>(facts.length).fill(0);
  for (const cell of shape.inner) {
    for (const above of shape.above(cell)) most[above]! += Number(largestValueBound(facts[cell]!));
  }
  const holds = facts.flatMap((sums, cell): [number, Holding][] =>
    sums.organisations === 0
      ? []
      : [
          [
            cell,
            sums.organisations === 1
              ? holdingOf(sums, sums)
              : { atLeast: 0, atMost: Math.min(most[cell]!, Number(sums.total)) },
          ],
        ],
  );
  return [{ id: "largest everywhere", holds: new Map(holds) }];
}

/** Of somebody in a cell with the sums `inner`, in a cell above it. Alone in it, its value is the total. */
function holdingOf(inner: CellSums, above: CellSums): Holding {
  if (above.organisations === 1) return { atLeast: Number(above.total), atMost: Number(above.total) };
  return { atLeast: 0, atMost: Number(largestValueBound(inner)) };
}
