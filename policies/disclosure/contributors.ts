/** Who contributes to a cell, affiliates taken together, and the sums over them that nodes may add up unseen. */

/** What one organisation put into one cell, in the common integer form of the element. */
export interface Contribution {
  readonly organisation: string;
  readonly value: bigint;
}

/** A cell as its sums tell it. Organisations are holding groups. */
export interface CellSums {
  /** Contributors, never understated. Rules of concentration are safe with an overstated number, and nothing else is. */
  readonly organisations: number;
  /** The number is an upper bound: as good as none where a minimum holds, and no attackers can be derived from it. */
  readonly mayBeFewer?: true;
  /** Σ|x|; equal to Σx where no x is negative. */
  readonly total: bigint;
  /** Σx²; an overstated sum is safe. */
  readonly squares: bigint;
}

/**
 * Values by size, largest first, one per holding group: affiliates know each other's values, so that they are one
 * contributor, whichever nodes they report through. `groupOf` names the group; an organisation alone is its own.
 */
export function contributorValues(
  contributions: readonly Contribution[],
  groupOf: (organisation: string) => string,
): readonly bigint[] {
  const byGroup = new Map<string, bigint>();
  for (const { organisation, value } of contributions) {
    const group = groupOf(organisation);
    byGroup.set(group, (byGroup.get(group) ?? 0n) + value);
  }
  return [...byGroup.values()].map(magnitude).sort((a, b) => (a > b ? -1 : a < b ? 1 : 0));
}

export const sumsOf = (values: readonly bigint[]): CellSums => ({
  organisations: values.length,
  total: values.reduce((sum, value) => sum + magnitude(value), 0n),
  squares: values.reduce((sum, value) => sum + value * value, 0n),
});

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);
