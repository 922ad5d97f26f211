/**
 * Suite intl-pq, message 8: of a pair the member with the smaller id gives the seed, so dealers of which the greater did
 * not accept the other are not both in the mask set. Whoever is in the most such pairs leaves, of equals the one with the
 * smaller id, until no pair is left.
 */

export interface Dealer {
  /** Place in U, which ascends by id. */
  readonly place: number;
  /** Bit i: this dealer accepted the i-th member of U. */
  readonly accepted: readonly boolean[];
}

export function undisputed<D extends Dealer>(
  dealers: readonly D[],
  areNeighbours: (a: number, b: number) => boolean,
): D[] {
  const disputed = (one: Dealer, other: Dealer): boolean => {
    const [giver, taker] = one.place < other.place ? [one, other] : [other, one];
    return giver !== taker && areNeighbours(giver.place, taker.place) && taker.accepted[giver.place] !== true;
  };
  let left = [...dealers];
  for (;;) {
    const counts = left.map((one) => left.filter((other) => disputed(one, other)).length);
    const most = Math.max(0, ...counts);
    if (most === 0) return left;
    const leaving = counts.indexOf(most);
    left = left.filter((_, at) => at !== leaving);
  }
}
