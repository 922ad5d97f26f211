/** Attackers as a receiver must assume them that has seen sums of cells and no single contribution. */
import type { Attacker, Holding } from "./attackers.ts";
import { largestValueBound } from "./concentration.ts";
import type { CellSums } from "./contributors.ts";
import type { Shape } from "./shape.ts";

/**
 * `one-cell`: each organisation is in one inner cell, as where the registry divides them: one attacker for each cell,
 * which holds there as much as the sums allow. `any-cell`: nothing is known, so attackers that hold the most everywhere
 * (below). `facts` by cell number. Throws RangeError where a number of organisations is not exact.
 */
export function largestContributors(
  shape: Shape,
  facts: readonly CellSums[],
  placed: "one-cell" | "any-cell",
): readonly Attacker[] {
  const inexact = facts.findIndex(({ mayBeFewer }) => mayBeFewer === true);
  if (inexact >= 0) {
    const cell = shape.cells[inexact]!.join("/");
    throw new RangeError(`cell ${cell}: wanted the exact number of organisations, got one that may be too high`);
  }
  if (placed === "any-cell") return anywhere(shape, facts);
  return shape.inner
    .filter((cell) => facts[cell]!.organisations > 0)
    .map((cell) => ({
      id: `largest of ${shape.cells[cell]!.join("/")}`,
      holds: new Map(shape.above(cell).flatMap((above) => holding(facts, above, largestValueBound(facts[cell]!)))),
    }));
}

/**
 * One attacker that is alone in every cell of one organisation: whoever attacks a cell of several knows less than it.
 * But it knows each such cell, and so says nothing of how one is hidden from the owners of the others: for each
 * organisation that is alone somewhere, a further attacker is everybody but that one.
 */
function anywhere(shape: Shape, facts: readonly CellSums[]): readonly Attacker[] {
  const largest = (id: string, except: ReadonlySet<number>): Attacker => {
    const most = facts.map(() => 0n);
    for (const cell of shape.inner) {
      if (except.has(cell)) continue;
      for (const above of shape.above(cell)) most[above]! += largestValueBound(facts[cell]!);
    }
    const holds = most.flatMap((atMost, cell) => (except.has(cell) ? [] : holding(facts, cell, atMost)));
    return { id, holds: new Map(holds) };
  };
  return [
    largest("largest everywhere", new Set()),
    ...singleOwners(shape, facts).map((cells) =>
      largest(`largest but of ${shape.cells[cells.values().next().value!]!.join("/")}`, cells),
    ),
  ];
}

/** Cells of one organisation, by owner as far as the shape tells: all that a margin of one organisation sums is its. */
function singleOwners(shape: Shape, facts: readonly CellSums[]): readonly ReadonlySet<number>[] {
  let owners: readonly ReadonlySet<number>[] = [];
  for (const cell of shape.inner) {
    if (facts[cell]!.organisations === 0) continue;
    const own = shape.above(cell).filter((above) => facts[above]!.organisations === 1);
    if (own.length === 0) continue;
    const same = owners.filter((cells) => own.some((one) => cells.has(one)));
    owners = [
      ...owners.filter((cells) => !same.includes(cells)),
      new Set([...same.flatMap((one) => [...one]), ...own]),
    ];
  }
  return owners;
}

/** Alone in a cell, its value is the total. Of a cell where it can have put nothing it knows nothing. */
function holding(facts: readonly CellSums[], cell: number, most: bigint): readonly [number, Holding][] {
  const { organisations, total } = facts[cell]!;
  if (organisations === 0) return [];
  if (organisations === 1) return [[cell, { atLeast: Number(total), atMost: Number(total) }]];
  const atMost = most < total ? most : total;
  return atMost === 0n ? [] : [[cell, { atLeast: 0, atMost: Number(atMost) }]];
}
