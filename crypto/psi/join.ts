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
/** Of those that reach the minimum. */
export const MAXIMUM_GROUPS = 10_000;

/** Words that are added up at once. */
const PIECE_WORDS = 32_768;

const padKey = (seed: Uint8Array, run: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", seed, run, utf8("sealane psi join values"), 32));

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
  const words = maskWords(padKey(seed, run), count * order.length);
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

/** At the matcher, with both lists in memory. Groups below the minimum are not in it, and nobody else hears of them. Throws ERR_PSI_MESSAGE, ERR_PSI_GROUP. */
export function groupsOf({ asker, holder, minimum }: ToMatch): readonly JoinGroup[] {
  const [rows, keys] = [pointsIn(asker.rows), pointsIn(holder.keys)];
  assertLabels(asker.labels, keys);
  assertLabels(holder.labels, rows);
  const { count, words } = holder.columns;
  const grouping = groupingOf({ asker: asker.labels, holder: holder.labels, columns: count, minimum });
  matchPlaces(holder.keys, asker.rows, grouping.matched);
  grouping.add(words);
  return grouping.groups();
}

export interface Grouping {
  /** The asker's item at `key` and the holder's at `row` are one. A row is in one group, whatever is called how often. */
  matched(key: number, row: number): void;
  /** Once all matches are known: masked words of the next whole rows. */
  add(words: BigUint64Array): void;
  /** Once the words of all rows were added. Throws ERR_PSI_MESSAGE, ERR_PSI_GROUP. */
  groups(): readonly JoinGroup[];
}

/** Of lists that are elsewhere: eight bytes in memory for a row, two for a key, and the groups themselves. Throws ERR_PSI_MESSAGE. */
export function groupingOf(about: {
  readonly asker: Labels;
  readonly holder: Labels;
  readonly columns: number;
  readonly minimum: number;
}): Grouping {
  const { asker, holder, columns, minimum } = about;
  assertLabels(asker, asker.of.length);
  assertLabels(holder, holder.of.length);
  const rows = holder.of.length;
  /** Group of each row, from one; none is zero. */
  const groupAt = new Uint32Array(rows);
  let slots: Slots | undefined;
  let added = 0;
  const known = (): Slots => (slots ??= slotsOf(groupAt, asker.count * holder.count, { minimum, columns }));
  return Object.freeze({
    matched(key: number, row: number) {
      groupAt[row] = asker.of[key]! * holder.count + holder.of[row]! + 1;
    },
    add(words: BigUint64Array) {
      if (words.length % Math.max(1, columns) !== 0 || added * columns + words.length > rows * columns) {
        throw new PsiError("ERR_PSI_MESSAGE", `words: wanted ${columns} for each of ${rows} rows`);
      }
      const { slotOf, sums } = known();
      for (let at = 0; at < words.length; at += columns, added++) {
        const slot = slotOf[groupAt[added]!]!;
        if (slot === 0) continue;
        for (let c = 0; c < columns; c++) sums[(slot - 1) * columns + c]! += words[at + c]!;
      }
    },
    groups() {
      const { slotOf, sizes, sums } = known();
      if (columns > 0 && added !== rows) {
        throw new PsiError("ERR_PSI_MESSAGE", `words: wanted those of ${rows} rows, got ${added}`);
      }
      const filled = new Uint32Array(sizes.length);
      const groups = sizes.map(({ group, count }, slot) => ({
        group,
        rows: new Uint32Array(count),
        sums: sums.slice(slot * columns, (slot + 1) * columns),
      }));
      for (const [row, group] of groupAt.entries()) {
        const slot = slotOf[group]!;
        if (slot > 0) groups[slot - 1]!.rows[filled[slot - 1]!++] = row;
      }
      return groups;
    },
  });
}

interface Slots {
  /** By group from one: the place of a group that is large enough, from one. */
  readonly slotOf: Uint32Array;
  readonly sizes: readonly { readonly group: number; readonly count: number }[];
  readonly sums: BigUint64Array;
}

function slotsOf(
  groupAt: Uint32Array,
  groups: number,
  { minimum, columns }: { readonly minimum: number; readonly columns: number },
): Slots {
  const counts = new Uint32Array(groups + 1);
  for (const group of groupAt) counts[group]! += 1;
  counts[0] = 0;
  const slotOf = new Uint32Array(groups + 1);
  const sizes: { group: number; count: number }[] = [];
  for (const [at, count] of counts.entries()) {
    if (count === 0 || count < minimum) continue;
    sizes.push({ group: at - 1, count });
    slotOf[at] = sizes.length;
  }
  if (sizes.length > MAXIMUM_GROUPS) {
    throw new PsiError("ERR_PSI_GROUP", `groups: wanted at most ${MAXIMUM_GROUPS}, got ${sizes.length}`);
  }
  return { slotOf, sizes, sums: new BigUint64Array(sizes.length * columns) };
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
  /** Group of each row by its place in `groups`, from one; none is zero. */
  const groupAt = new Uint32Array(size);
  const seen = new Set<number>();
  for (const [at, { group, rows, sums }] of groups.entries()) {
    if (rows.length < minimum || seen.has(group) || sums.length !== columns) {
      throw new PsiError(
        "ERR_PSI_GROUP",
        `group ${group}: wanted once, with ${minimum} rows at least, got ${rows.length}`,
      );
    }
    seen.add(group);
    for (const row of rows) {
      if (row >= size || groupAt[row] !== 0)
        throw new PsiError("ERR_PSI_GROUP", `group ${group}: a row that is not its own`);
      groupAt[row] = at + 1;
    }
  }
  const masks = masksOf(groupAt, groups.length, about);
  return groups.map(({ group, rows, sums }, at) => ({
    group,
    rows: rows.length,
    sums: Array.from(sums, (sum, column) => BigInt.asIntN(64, sum - masks[at * columns + column]!)),
  }));
}

/** Sums of the masks of each group's rows, by group and column. */
function masksOf(
  groupAt: Uint32Array,
  groups: number,
  { seed, run, columns }: { readonly seed: Uint8Array; readonly run: Uint8Array; readonly columns: number },
): BigUint64Array {
  const masks = new BigUint64Array(groups * columns);
  const key = padKey(seed, run);
  const piece = Math.floor(PIECE_WORDS / Math.max(1, columns));
  for (let start = 0; columns > 0 && start < groupAt.length; start += piece) {
    const rows = groupAt.subarray(start, start + piece);
    const pad = maskWords(key, rows.length * columns, start * columns);
    for (const [row, group] of rows.entries()) {
      if (group === 0) continue;
      for (let c = 0; c < columns; c++) masks[(group - 1) * columns + c]! += pad[row * columns + c]!;
    }
  }
  return masks;
}
