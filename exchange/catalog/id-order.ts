/**
 * A number for every id, in the order in which they became known, and the place of each number in the order of the ids.
 * Sets are of numbers, which never change; pages are in the order of the ids.
 */

export interface IdOrder {
  size(): number;
  /** Undefined: not known. */
  numberOf(id: string): number | undefined;
  idOf(number: number): string;
  add(ids: readonly string[]): void;
  /** Numbers in ascending order of their ids. */
  numbers(): Uint32Array;
  /** Where each number stands in it. */
  ranks(): Uint32Array;
  /** How many ids are before this one. */
  rankOf(id: string): number;
}

export function createIdOrder(): IdOrder {
  const ids: string[] = [];
  const known = new Map<string, number>();
  let order = new Uint32Array(0);
  let ranks = new Uint32Array(0);

  /** Both in one walk from the end, where new ids mostly belong. */
  function merge(added: readonly number[]): void {
    const sorted = added.toSorted((one, other) => (ids[one]! < ids[other]! ? -1 : 1));
    const merged = enlarged(order, ids.length);
    let old = ids.length - added.length - 1;
    let fresh = sorted.length - 1;
    for (let at = ids.length - 1; fresh >= 0; at -= 1) {
      const isOld = old >= 0 && ids[merged[old]!]! > ids[sorted[fresh]!]!;
      merged[at] = isOld ? merged[old--]! : sorted[fresh--]!;
    }
    ranks = enlarged(ranks, ids.length);
    for (let at = old + 1; at < ids.length; at += 1) ranks[merged[at]!] = at;
    order = merged;
  }

  return Object.freeze({
    size: () => ids.length,
    numberOf: (id: string) => known.get(id),
    idOf: (number: number) => ids[number]!,
    add(some: readonly string[]) {
      const added: number[] = [];
      for (const id of some) {
        if (known.has(id)) continue;
        known.set(id, ids.length);
        added.push(ids.length);
        ids.push(id);
      }
      if (added.length > 0) merge(added);
    },
    numbers: () => order.subarray(0, ids.length),
    ranks: () => ranks.subarray(0, ids.length),
    rankOf(id: string) {
      let [low, high] = [0, ids.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (ids[order[middle]!]! < id) low = middle + 1;
        else high = middle;
      }
      return low;
    },
  } satisfies IdOrder);
}

/** The same where there is room; half as much again where there is none. */
function enlarged(numbers: Uint32Array<ArrayBuffer>, size: number): Uint32Array<ArrayBuffer> {
  if (size <= numbers.length) return numbers;
  const larger = new Uint32Array(Math.max(size, numbers.length + (numbers.length >> 1), 64));
  larger.set(numbers);
  return larger;
}
