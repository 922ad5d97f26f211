/** What several sets have in common, from a place on: in the order of the ids, in either direction. */
import type { IdOrder } from "./id-order.ts";
import { addTo, emptyWords, has, keepIn, keepOut, type NumberSet, sizeOf } from "./number-set.ts";

/** In at least one list of each of `all`, and not in `none`. */
export interface Wanted<List> {
  readonly all: readonly (readonly List[])[];
  readonly none: List;
}

/** Right beyond this id, or from the beginning. */
export interface From {
  readonly direction: "up" | "down";
  readonly id?: string | undefined;
}

export interface Matching {
  /** Up to `limit` ids, the nearest first. */
  from(place: From, limit: number): readonly string[];
}

/** So many are sorted rather than looked for in the order of all ids. */
const SORTED = 4_096;

/** Good until the order or a set changes. */
export function matching(order: IdOrder, wanted: Wanted<NumberSet>): Matching {
  const rarest = wanted.all.reduce((least, group) => (total(group) < total(least) ? group : least));
  const isRare = total(rarest) <= SORTED && rarest.every(({ kind }) => kind === "few");
  const walk = isRare ? amongFew(order, wanted, rarest) : amongMany(order, wanted);
  return {
    from({ direction, id }, limit) {
      const found: string[] = [];
      for (const number of walk(direction, startOf(order, direction, id))) {
        if (found.length >= limit) break;
        found.push(order.idOf(number));
      }
      return found;
    },
  };
}

type Walk = (direction: From["direction"], start: number) => Iterable<number>;

const total = (group: readonly NumberSet[]): number => group.reduce((sum, set) => sum + sizeOf(set), 0);

/** The first rank to look at. */
function startOf(order: IdOrder, direction: From["direction"], id: string | undefined): number {
  if (id === undefined) return direction === "up" ? 0 : order.size() - 1;
  const rank = order.rankOf(id);
  if (direction === "down") return rank - 1;
  return order.numberOf(id) === undefined ? rank : rank + 1;
}

function amongFew(order: IdOrder, { all, none }: Wanted<NumberSet>, rarest: readonly NumberSet[]): Walk {
  const others = all.filter((group) => group !== rarest);
  const ranks = order.ranks();
  const found = new Set<number>();
  for (const set of rarest) {
    if (set.kind === "many") continue;
    for (const number of set.numbers) {
      if (!has(none, number) && others.every((group) => group.some((one) => has(one, number)))) {
        found.add(ranks[number]!);
      }
    }
  }
  const sorted = Uint32Array.from(found).sort();
  const numbers = order.numbers();
  return function* (direction, start) {
    if (direction === "up") {
      for (const rank of sorted) if (rank >= start) yield numbers[rank]!;
    } else {
      for (let at = sorted.length - 1; at >= 0; at -= 1) if (sorted[at]! <= start) yield numbers[sorted[at]!]!;
    }
  };
}

function amongMany(order: IdOrder, { all, none }: Wanted<NumberSet>): Walk {
  const together = (group: readonly NumberSet[]): Uint32Array => {
    const words = emptyWords(order.size());
    for (const set of group) addTo(words, set);
    return words;
  };
  const [first = [], ...others] = all;
  const words = together(first);
  for (const group of others) keepIn(words, together(group));
  if (sizeOf(none) > 0) keepOut(words, together([none]));
  const numbers = order.numbers();
  return function* (direction, start) {
    const step = direction === "up" ? 1 : -1;
    for (let rank = start; rank >= 0 && rank < numbers.length; rank += step) {
      const number = numbers[rank]!;
      if ((words[number >>> 5]! & (1 << (number & 31))) !== 0) yield number;
    }
  };
}
