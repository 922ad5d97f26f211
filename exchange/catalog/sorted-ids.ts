/**
 * Sorted lists of ids and what they have in common, walked without reading more of any list than the answer needs:
 * a list that is behind leaps to where another one stands (leapfrog join, Veldhuizen 2014, section 3.1).
 */

/** Where to go on: at `id`, or right beyond it. */
export interface Place {
  readonly id: string;
  readonly beyond: boolean;
}

/** Walked in one direction; places only go onward. */
export interface Ids {
  /** The first id at this place or beyond it; undefined: none is left. `undefined` as a place: the beginning. */
  seek(place: Place | undefined): Promise<string | undefined>;
}

export type Direction = "up" | "down";

/** `a` comes before `b`. Ids are ASCII, so that the store agrees. */
const isBefore = (direction: Direction, a: string, b: string): boolean => (direction === "up" ? a < b : a > b);

/** Up to `limit` ids of one list from a place on. */
export type ReadIds = (place: Place | undefined, direction: Direction, limit: number) => Promise<readonly string[]>;

const FIRST_READ = 32;
const LONGEST_READ = 512;

export function listed(read: ReadIds, direction: Direction): Ids {
  let chunk: readonly string[] = [];
  let at = 0;
  let limit = FIRST_READ;
  let isEnd = false;
  return {
    async seek(place) {
      for (;;) {
        while (at < chunk.length && !isReached(direction, chunk[at]!, place)) at += 1;
        if (at < chunk.length) return chunk[at];
        if (isEnd) return undefined;
        chunk = await read(place, direction, limit);
        at = 0;
        isEnd = chunk.length < limit;
        limit = Math.min(2 * limit, LONGEST_READ);
      }
    },
  };
}

const isReached = (direction: Direction, id: string, place: Place | undefined): boolean =>
  place === undefined || isBefore(direction, place.id, id) || (id === place.id && !place.beyond);

/** In at least one of them; no list: none. */
export const union = (lists: readonly Ids[], direction: Direction): Ids => ({
  async seek(place) {
    const heads = await Promise.all(lists.map((one) => one.seek(place)));
    return heads.reduce(
      (first, head) => (head !== undefined && (first === undefined || isBefore(direction, head, first)) ? head : first),
      undefined,
    );
  },
});

/** In each of them; at least one list. */
export const intersection = (lists: readonly Ids[]): Ids => ({
  async seek(place) {
    let target = place;
    let agreed = 0;
    for (let turn = 0; ; turn += 1) {
      const id = await lists[turn % lists.length]!.seek(target);
      if (id === undefined) return undefined;
      agreed = target !== undefined && !target.beyond && id === target.id ? agreed + 1 : 1;
      if (agreed >= lists.length) return id;
      target = { id, beyond: false };
    }
  },
});

/** In the first, not in the second. */
export const without = (ids: Ids, excluded: Ids): Ids => ({
  async seek(place) {
    for (let target = place; ; ) {
      const id = await ids.seek(target);
      if (id === undefined || (await excluded.seek({ id, beyond: false })) !== id) return id;
      target = { id, beyond: true };
    }
  },
});
