/**
 * Join statistics: sums of the holder's columns over the rows whose key is on the asker's list, by a label of either. Neither
 * list leaves, and no sum is opened over fewer rows than the minimum, whatever the asker does: the matcher and the receiver
 * count rows themselves. They are the coordinator and the receiver of a computation, two organisations that do not collude
 * (docs/decisions/130):
 *
 *     asker   -> matcher    holder's list masked again, in the holder's order; labels of its own items
 *     holder  -> matcher    asker's list masked again, in the asker's order; labels and masked values of its own rows
 *     holder  -> receiver   key of the masks
 *     matcher -> receiver   of each large enough group: its rows, and the sums of their masked values
 *
 * Values are 64-bit words under a one-time pad (AES-256-CTR), so that either half is noise without the other.
 */
import { hkdfSync } from "node:crypto";
import { maskWords } from "../secagg/masks.ts";
import { utf8 } from "../suites/encoding.ts";
import { PsiError } from "./errors.ts";
import { pointsIn } from "./masking.ts";
import { matchPlaces } from "./sorting.ts";

/** Rows by columns, row-major, in the order of the holder's list. */
export interface Columns {
  readonly count: number;
  readonly words: BigUint64Array;
}

export interface JoinGroup {
  /** askerLabel · labels of the holder + holderLabel. */
  readonly group: number;
  /** Places in the holder's list, ascending. */
  readonly rows: Uint32Array;
  /** One a column, of masked words, modulo 2^64. */
  readonly sums: BigUint64Array;
}

const MAXIMUM_COLUMNS = 64;
const MAXIMUM_LABELS = 1000;

const padOf = (seed: Uint8Array, run: Uint8Array, words: number): BigUint64Array =>
  maskWords(new Uint8Array(hkdfSync("sha256", seed, run, utf8("sealane psi join values"), 32)), words);

/**
 * The holder's masked words, for the matcher; `seed` (32 random bytes, for this run) is for the receiver.
 * `values[column][place]`: integers of at most `bound` in magnitude, by place in the holder's items; `order`: `OwnList.places`.
 * Throws ERR_PSI_INPUT where a value is out of its bound, or where sums could leave 64 bits.
 */
export function maskedColumns(
  values: readonly (readonly bigint[])[],
  {
    bound,
    order,
    run,
    seed,
  }: {
    readonly bound: bigint;
    readonly order: Uint32Array;
    readonly run: Uint8Array;
    readonly seed: Uint8Array;
  },
): Columns {
  const count = values.length;
  if (count > MAXIMUM_COLUMNS || values.some((column) => column.length !== order.length)) {
    throw new PsiError("ERR_PSI_INPUT", `values: wanted at most ${MAXIMUM_COLUMNS} columns of one value a row`);
  }
  if (bound * BigInt(order.length) >= 1n << 63n) {
    throw new PsiError("ERR_PSI_INPUT", "values: with this bound their sum may not fit 64 bits");
  }
  const words = padOf(seed, run, count * order.length);
  for (const [row, place] of order.entries()) {
    for (const [column, { [place]: value }] of values.entries()) {
      if (value! > bound || value! < -bound)
        throw new PsiError("ERR_PSI_INPUT", `row ${row}: a value out of its bound`);
      words[row * count + column]! += BigInt.asUintN(64, value!);
    }
  }
  return { count, words };
}

/** One label for each item of a list, below `count`. */
export interface Labels {
  readonly count: number;
  readonly of: Uint16Array;
}
/** Where a side has no label. */
export const noLabels = (items: number): Labels => ({ count: 1, of: new Uint16Array(items) });

export interface ToMatch {
  readonly asker: {
    /** The holder's list, masked by the asker as well. */
    readonly rows: Uint8Array;
    readonly labels: Labels;
  };
  readonly holder: {
    /** The asker's list, masked by the holder as well. */
    readonly keys: Uint8Array;
    readonly labels: Labels;
    readonly columns: Columns;
  };
  /** Rows that a group has at least. */
  readonly minimum: number;
}

/** At the matcher. Groups below the minimum are not in it, and nobody else hears of them. Throws ERR_PSI_MESSAGE. */
export function groupsOf({ asker, holder, minimum }: ToMatch): readonly JoinGroup[] {
  const [rows, keys] = [pointsIn(asker.rows), pointsIn(holder.keys)];
  assertLabels(asker.labels, keys);
  assertLabels(holder.labels, rows);
  const { count, words } = holder.columns;
  if (words.length !== count * rows) {
    throw new PsiError("ERR_PSI_MESSAGE", `words: wanted ${count * rows}, got ${words.length}`);
  }
  const members = new Map<number, number[]>();
  matchPlaces(holder.keys, asker.rows, (key, row) => {
    const group = asker.labels.of[key]! * holder.labels.count + holder.labels.of[row]!;
    const known = members.get(group);
    if (known === undefined) members.set(group, [row]);
    else known.push(row);
  });
  return [...members]
    .filter(([, { length }]) => length >= minimum)
    .sort(([a], [b]) => a - b)
    .map(([group, places]) => {
      const sums = new BigUint64Array(count);
      for (const row of places) for (let c = 0; c < count; c++) sums[c]! += words[row * count + c]!;
      return { group, rows: Uint32Array.from(places).sort(), sums };
    });
}

function assertLabels({ count, of }: Labels, items: number): void {
  if (count < 1 || count > MAXIMUM_LABELS || of.length !== items || of.some((label) => label >= count)) {
    throw new PsiError("ERR_PSI_MESSAGE", `labels: wanted ${items}, each below their number`);
  }
}

export interface JoinSum {
  readonly group: number;
  readonly rows: number;
  readonly sums: readonly bigint[];
}

/**
 * At the receiver, which takes no one's word for the size of a group. `size`: rows of the holder's committed list.
 * Throws ERR_PSI_GROUP where a group is below the minimum, or a row is in two of them, twice in one, or nowhere.
 */
export function openGroups(
  groups: readonly JoinGroup[],
  about: {
    readonly seed: Uint8Array;
    readonly run: Uint8Array;
    readonly size: number;
    readonly columns: number;
    readonly minimum: number;
  },
): readonly JoinSum[] {
  const { size, columns, minimum } = about;
  const taken = new Uint8Array(size);
  const seen = new Set<number>();
  for (const { group, rows, sums } of groups) {
    if (rows.length < minimum || seen.has(group) || sums.length !== columns) {
      throw new PsiError(
        "ERR_PSI_GROUP",
        `group ${group}: wanted once, with ${minimum} rows at least, got ${rows.length}`,
      );
    }
    seen.add(group);
    for (const row of rows) {
      if (row >= size || taken[row] === 1)
        throw new PsiError("ERR_PSI_GROUP", `group ${group}: a row that is not its own`);
      taken[row] = 1;
    }
  }
  const pad = padOf(about.seed, about.run, size * columns);
  return groups.map(({ group, rows, sums }) => ({
    group,
    rows: rows.length,
    sums: Array.from(sums, (sum, column) => {
      const masks = rows.reduce((all, row) => all + pad[row * columns + column]!, 0n);
      return BigInt.asIntN(64, sum - masks);
    }),
  }));
}
